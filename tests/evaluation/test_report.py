"""The report, parsed as a browser would."""

import json
import shutil
from html.parser import HTMLParser

import pytest
from small_runs import SIZE, command, small_data, small_run, small_vae

from pyro_factor.errors import InputError
from pyro_factor.evaluation import evaluate, figures
from pyro_factor.evaluation.decoded import measure_decoded
from pyro_factor.evaluation.report import MEASURES, write_report
from pyro_factor.evaluation.report_figures import curves_figure
from pyro_factor.evaluation.results import scores_path
from pyro_factor.evaluation.tables import score_listings
from pyro_factor.models import VideoVAE, priors

REFERENCES = {"src", "href", "srcset", "poster", "action", "data", "style"}


class Page(HTMLParser):
    """What a page refers to, its images and its words."""

    def __init__(self, text):
        super().__init__()
        self.references, self.images, self.tags, self.words = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [value for name, value in attributes if name in REFERENCES]
        if tag == "img":
            self.images.append(dict(attributes))

    def handle_data(self, data):
        self.words.append(data.strip())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "first <script>"
    run = small_run(folder, small_vae(), 10)
    evaluate(run, clips=100, progress=False)
    figures(run, say=str)
    return folder


def test_a_page_needs_nothing_beside_it(folder):
    text = write_report([folder]).read_text(encoding="utf-8")
    page = Page(text)
    assert all(reference.startswith("data:image/") for reference in page.references)
    assert "url(" not in text
    assert "@import" not in text
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    # twelve figures, two animations, the curves and the D-scores
    assert len(page.images) == 16
    assert all(image["alt"] for image in page.images)
    assert any(image["src"].startswith("data:image/gif") for image in page.images)


def test_every_number_of_the_tables_and_the_configuration_is_there(folder):
    page = Page(write_report([folder]).read_text(encoding="utf-8"))
    from pyro_factor.evaluation import Scores

    for listing in score_listings(Scores.read(scores_path(folder))):
        for row in listing.rows:
            assert set(row) - {""} <= set(page.words)
    assert "model.prior" in page.words
    assert "factored" in page.words
    assert folder.name in page.words  # escaped in the text, whole in the browser


def test_the_same_files_give_the_same_page(folder, tmp_path):
    first, second = (write_report([folder], tmp_path / name) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_runs_side_by_side_and_what_one_lacks(folder, tmp_path):
    bare = tmp_path / "second"
    shutil.copytree(folder, bare)
    for part in ("figures", "scores.json"):
        path = bare / part
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    better = tmp_path / "third"
    shutil.copytree(folder, better)
    page = Page(write_report([folder, bare, better], tmp_path / "all.html").read_text())
    assert page.tags.count("details") == 3
    assert any(word.startswith("No scores yet: pyro-factor evaluate") for word in page.words)
    assert any(word.startswith("No figures yet: pyro-factor figures") for word in page.words)
    assert any(word.endswith("★") for word in page.words)


def test_runs_of_one_name_are_told_apart_by_their_folders(folder, tmp_path):
    for name in "xy":
        shutil.copytree(folder, tmp_path / name / "run")
    folders = [tmp_path / name / "run" for name in "xy"]
    page = Page(write_report(folders, tmp_path / "page.html").read_text())
    assert {"x/run", "y/run"} <= set(page.words)


def changed(folder, copy, **scores):
    shutil.copytree(folder, copy)
    path = scores_path(copy)
    path.write_text(json.dumps(json.loads(path.read_text()) | scores))
    return copy


def described(folder, copy, section, **fields):
    """A copy whose configuration is another in a part."""
    shutil.copytree(folder, copy)
    path = copy / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {section: config[section] | fields}))
    return copy


def test_scores_of_an_earlier_iteration_are_said_to_be(folder, tmp_path):
    def words(iteration):
        copy = changed(folder, tmp_path / str(iteration), iteration=iteration)
        return Page(write_report([copy]).read_text()).words

    assert any(word.startswith("The scores are of iteration 4") for word in words(4))
    assert not any(word.startswith("The scores are of iteration") for word in words(10))


def test_what_a_judge_told_earlier_is_said_to_be(tmp_path):
    data = small_data()
    run = small_run(tmp_path / "run", small_vae(), 2, data=data)
    evaluate(run, clips=20, progress=False)
    measure_decoded(run, [0, 1], clips=4, iterations=2, progress=False)

    def told():
        return [
            word for word in Page(write_report([run.folder]).read_text()).words if "judge" in word
        ]

    assert not any("the training went on" in word for word in told())
    run = small_run(run.folder, run.vae, 10, data=data, resume=True)
    evaluate(run, clips=20, progress=False)
    assert any("What a judge tells is of iteration 2, and the" in word for word in told())


@pytest.mark.parametrize("change", [{"num_frames": 2}, {"task": "order of three frames"}])
def test_scores_of_other_clips_or_tasks_are_not_compared(folder, tmp_path, change):
    other = changed(folder, tmp_path / "other", **change)
    page = Page(write_report([folder, other], tmp_path / "page.html").read_text())
    assert not any(word.endswith("★") for word in page.words)


@pytest.mark.parametrize("change", [{"image_size": 128}, {"step": 0.2}, {"root": "elsewhere"}])
def test_scores_of_other_data_are_not_compared(folder, tmp_path, change):
    other = described(folder, tmp_path / "other", "data", **change)
    page = Page(write_report([folder, other], tmp_path / "page.html").read_text())
    assert not any(word.endswith("★") for word in page.words)


def test_the_elbo_under_another_density_is_not_compared(folder, tmp_path):
    other = described(folder, tmp_path / "other", "model", pixels="gaussian")
    page = Page(write_report([folder, other], tmp_path / "page.html").read_text())
    stars = [word for word in page.words if word.endswith("★")]
    assert len(stars) == 2 * (len(MEASURES) - 1)


def test_the_command_names_the_page(folder, capsys, tmp_path):
    assert command("report", folder, "--output", tmp_path / "page.html", "--title", "A & B") == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "page.html")
    assert "<title>A &amp; B</title>" in (tmp_path / "page.html").read_text()


def test_bad_input_is_named(folder, tmp_path):
    with pytest.raises(InputError, match="name a run folder"):
        write_report([])
    with pytest.raises(InputError, match=r"holds no config.json"):
        write_report([tmp_path])
    with pytest.raises(InputError, match="each run once"):
        write_report([folder, folder])
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    (damaged / "report.html").unlink(missing_ok=True)
    scores_path(damaged).write_text("{")
    with pytest.raises(InputError, match="damaged"):
        write_report([damaged])
    assert not (damaged / "report.html").exists()


def test_clips_of_different_lengths_are_compared_by_the_frame():
    rows = [{"iteration": n, "elbo": -160.0 / n} for n in (10, 20, 30)]
    runs = {"clips": rows, "frames": [row | {"elbo": row["elbo"] / 16} for row in rows]}
    (axes,) = curves_figure(runs, {"clips": 16, "frames": 1}).axes
    clips, frames = (line.get_ydata() for line in axes.lines)
    assert list(clips) == list(frames) == [row["elbo"] / 16 for row in rows]
    assert axes.get_ylabel() == "ELBO, nats per frame"
    (axes,) = curves_figure(runs).axes
    assert list(axes.lines[0].get_ydata()) == [row["elbo"] for row in rows]


def test_the_page_says_of_what_the_elbo_is(folder, tmp_path):
    vae = VideoVAE(priors.independent, 1, image_shape=(1, SIZE, SIZE), channels=(4, 8), hidden=16)
    other = small_run(tmp_path / "single", vae, 2, data=small_data().replace(num_frames=1))
    page = Page(write_report([folder, other.folder], tmp_path / "page.html").read_text("utf-8"))
    assert "The ELBO in training, nats per frame" in page.words


def test_a_page_tells_nobody_where_the_data_lie(folder, tmp_path):
    moved = described(folder, tmp_path / "moved", "data", root="/home/somebody/digits")
    mine = described(folder, tmp_path / "mine", "model", prior="/home/somebody/priors.py:mine")
    page = write_report([moved, mine], tmp_path / "page.html").read_text(encoding="utf-8")
    assert "priors.py:mine" in page
    assert "somebody" not in page
