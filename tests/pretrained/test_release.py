"""What is released of a run: its card and file say the same, and nothing of one's machine."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from released import NAME
from safetensors import safe_open
from small_runs import FRAMES, SIZE, small_run, small_vae

from pyro_factor import InputError, VideoClips
from pyro_factor.config import Config
from pyro_factor.evaluation import Scores
from pyro_factor.evaluation.results import scores_path
from pyro_factor.evaluation.tables import score_listings
from pyro_factor.models import priors
from pyro_factor.models.pretrained import pretrained_names, pretrained_path
from pyro_factor.pretrained.card import read_model
from pyro_factor.pretrained.page import NOT_RECORDED, render
from pyro_factor.pretrained.release import release
from pyro_factor.reproduction.ledger import Ledger, Row
from pyro_factor.reproduction.paper import Cell
from pyro_factor.shareable import entries, without_paths

SHIPPED = pretrained_names()


def header(name):
    with safe_open(pretrained_path(name), framework="pt") as file:
        return file.metadata()


def table_rows(page):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]


def hold_to_its_metadata(name):
    page = pretrained_path(name).with_suffix(".md").read_text(encoding="utf-8")
    assert page == render(read_model(name))
    # and by another way than that of `render`
    about, rows = header(name), table_rows(page)
    scores, card = json.loads(about["scores"]), json.loads(about["card"])
    assert card["name"] == name
    found = [float(row[1].split()[0]) for row in rows if row and row[0] == "D-score"]
    judged = [scores[each]["accuracies"]["d_score"] for each in ("linear", "rbf")]
    assert found[:2] == [round(number, 2) for number in judged]
    ceilings = [float(row[2]) for row in rows if row and row[0] == "D-score"]
    assert ceilings[:2] == [
        round(scores[each]["ceiling"]["d_score"], 2) for each in ("linear", "rbf")
    ]
    assert any(row and row[0] == f"{scores['elbo']:.2f}" for row in rows)
    config = json.loads(about["config"])
    assert ["training.seed", str(config["training"]["seed"])] in rows
    assert ["model.beta", str(config["model"]["beta"])] in rows
    assert [f"{card['rounding']['pixels']:.2g}"] in [row[1:] for row in rows]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_of_every_model_of_the_package_is_what_its_file_says(name):
    hold_to_its_metadata(name)


def test_an_option_that_is_younger_than_a_file_is_not_told():
    config = read_model(SHIPPED[0]).pretrained.config
    described = config.model_dump(mode="json")
    del described["training"]["decay"]
    older = Config.model_validate_json(json.dumps(described))
    told = dict(entries(config)).items() - dict(entries(older)).items()
    assert {name for name, _ in told} == {"training.decay"}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_file_of_the_package_is_small_half_precise_and_names_no_path(name):
    path, model = pretrained_path(name), read_model(name)
    assert path.stat().st_size < 5e6
    kept = set(model.card.rounding.kept)
    for tensor, value in model.pretrained.checkpoint.part("weights").items():
        floats = torch.float32 if tensor in kept else torch.half
        assert value.dtype in {floats, torch.int64}
    for content in (json.dumps(header(name)), path.with_suffix(".md").read_text()):
        assert not re.search(r"(?<![\w.:/])/\w+/\w+", content.replace("](https://", ""))
    assert model.pretrained.config.data.root is None


def test_a_card_is_what_the_file_and_the_scores_say(released):
    hold_to_its_metadata(NAME)
    scores = Scores.read(scores_path(released / "run"))
    assert json.loads(header(NAME)["scores"]) == scores.record()
    page = pretrained_path(NAME).with_suffix(".md").read_text(encoding="utf-8")
    for listing in score_listings(scores):
        assert listing.title in page
        assert all(list(row) in table_rows(page) for row in listing.rows)
    assert f"| {NOT_RECORDED}" in page  # the commit: the ledger is empty


def test_no_path_of_the_machine_is_in_the_file_or_the_card(released, tmp_path):
    run = tmp_path / "moved"
    shutil.copytree(released / "run", run)
    described = json.loads((run / "config.json").read_text())
    described["data"]["root"] = str(tmp_path)  # where embedded digits are not looked for
    (run / "config.json").write_text(json.dumps(described))
    for path in release(run, "moved-2", ledger=released / "ledger.jsonl"):
        assert str(tmp_path).encode() not in path.read_bytes()
    assert read_model("moved-2").pretrained.config.data.root is None


def test_the_ledger_says_what_trained_a_run(released):
    run, ledger = released / "run", released / "ledger.jsonl"
    scores, config = Scores.read(scores_path(run)), json.loads((run / "config.json").read_text())
    versions = {"python": "3", "torch": "2"}

    def row(seed, scores):
        made = ("a GPU, bfloat16", versions, "0123abcd", "", "2020-01-01T00:00:00+00:00", 60.0)
        return Row("short", Cell("mnist", "factored", 4, 2, seed), config, *made, scores)

    Ledger(ledger).add([row(0, scores.record() | {"elbo": 0.0})])
    release(run, NAME, ledger=ledger)
    assert read_model(NAME).card.origin.commit is None
    Ledger(ledger).add([row(1, scores.record())])
    release(run, NAME, ledger=ledger)
    origin = read_model(NAME).card.origin
    assert (origin.commit, origin.device, origin.versions) == (
        "0123abcd",
        "a GPU, bfloat16",
        versions,
    )
    assert "| 0123abcd" in render(read_model(NAME))


def test_what_is_left_out_of_a_description_are_paths():
    clips = {"source": "clips", "root": "/home/me", "labels": "/home/me/labels.csv"}
    config = Config.model_validate({"version": 1, "data": clips, "model": {}, "training": {}})
    assert "/home" not in str(without_paths(config))
    assert "/home" not in str(entries(config))
    assert without_paths(config).data.source == "clips"


def unscored(run):
    (run / "scores.json").unlink()


def scored_earlier(run):
    path = run / "scores.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"iteration": 3}))


BAD = {
    "path": ("../small", None, "name: got '../small'; give words"),
    "empty": ("", None, "name: got ''; give words"),
    "stale scores": (NAME, scored_earlier, "its scores are of iteration 3; pyro-factor evaluate"),
    "no scores": (NAME, unscored, "it has no scores; pyro-factor evaluate"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_can_not_be_released_is_refused(released, case):
    name, harm, message = BAD[case]
    if harm:
        harm(released / "run")
    before = {path: path.read_bytes() for path in (released / "weights").iterdir()}
    with pytest.raises(InputError, match=message):
        release(released / "run", name, ledger=released / "ledger.jsonl")
    assert {path: path.read_bytes() for path in (released / "weights").iterdir()} == before


def test_data_that_others_lack_are_refused(released, tmp_path):
    np.save(tmp_path / "clips.npy", np.random.default_rng(0).random((40, FRAMES, SIZE, SIZE)))
    data = VideoClips(str(tmp_path), num_frames=FRAMES, image_size=SIZE)
    run = small_run(tmp_path / "mine", small_vae(), 20, data=data)
    shutil.copy(released / "run/scores.json", run.folder)
    with pytest.raises(
        InputError, match=r"data: got 'clips'; .* anyone can get: embedded, mnist, "
    ):
        release(run.folder, "mine", ledger=released / "ledger.jsonl")


def only_python(num_frames):
    return priors.factored(num_frames)


def test_a_prior_that_others_lack_and_an_absent_ledger_are_refused(released, tmp_path):
    run = small_run(tmp_path / "mine", small_vae(only_python), 20)
    shutil.copy(released / "run/scores.json", run.folder)
    with pytest.raises(InputError, match="a model whose prior has a name"):
        release(run.folder, "mine", ledger=released / "ledger.jsonl")
    with pytest.raises(InputError, match="no such file; name a ledger"):
        release(released / "run", NAME, ledger=tmp_path / "none.jsonl")


def test_an_unfinished_run_is_refused(released):
    run = released / "run"
    described = json.loads((run / "config.json").read_text())
    described["training"]["iterations"] = 50
    (run / "config.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="20 of 50 iterations are done"):
        release(run, NAME, ledger=released / "ledger.jsonl")
