import importlib
import sys
from functools import partial

import numpy as np
import pytest
import torch
from own_clips import moving
from small_runs import SIZE, small_data, small_run, small_vae
from torch import nn

import pyro_factor.models.priors as built_in
from pyro_factor.config import FROM_PYTHON, make_config
from pyro_factor.data import BouncingDigits, VideoClips
from pyro_factor.errors import InputError
from pyro_factor.inference import load, load_run
from pyro_factor.inference.runs import build_data
from pyro_factor.models import Encoder, gallery
from pyro_factor.models.prior_reference import find_prior, refer_to

MY_PRIOR = """
import pyro, pyro.distributions as dist

def walk(num_frames, features=3, scale=1.0):
    return pyro.sample("h", dist.Normal(0.0, scale).expand([num_frames, features]).to_event(2))

answer = 42
"""


@pytest.fixture(autouse=True)
def _quick_start(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my_prior.py"
    path.write_text(MY_PRIOR)
    return path


def codes(vae):
    videos = small_data().batch(3, torch.Generator().manual_seed(1)).videos
    with torch.no_grad():
        return vae.encode(videos)


@pytest.mark.parametrize(
    "prior",
    [partial(built_in.factored, static=1, static_scale=0.3), built_in.slow, built_in.independent],
)
def test_a_run_loads_back_to_the_same_codes(tmp_path, prior):
    trained = small_run(tmp_path, small_vae(prior, beta=2.0), 3).vae
    state = torch.get_rng_state()
    loaded = load_run(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(codes(loaded.vae).loc, codes(trained).loc)
    assert torch.equal(codes(loaded.vae).scale, codes(trained).scale)
    assert (loaded.iteration, loaded.vae.beta, loaded.data) == (3, 2.0, small_data())
    assert loaded.vae.factors == trained.factors


def test_a_run_finds_its_data_where_they_are_now(tmp_path):
    small_run(tmp_path / "run", small_vae(), 1)
    (tmp_path / "moved").mkdir()
    data = load_run(tmp_path / "run", data_root=tmp_path / "moved").data
    assert data == small_data().replace(root=str(tmp_path / "moved"))


def test_labels_move_with_the_clips_that_they_lie_among(tmp_path):
    old, new, elsewhere = tmp_path / "old", tmp_path / "new", tmp_path / "elsewhere.csv"
    (old / "known").mkdir(parents=True)
    np.save(old / "clips.npy", np.stack([moving(seed=seed) for seed in range(3)]))
    rows = "clip,static\nclips.npy/0,b\nclips.npy/1,b\nclips.npy/2,a\n"
    for path in (old / "known/who.csv", elsewhere):
        path.write_text(rows)
    runs = [
        make_config(VideoClips(old, num_frames=4, labels=path).settings, {}, {})
        for path in (old / "known/who.csv", elsewhere)
    ]
    old.rename(new)
    found = [build_data(config, new) for config in runs]
    assert [data.root for data in found] == [str(new), str(new)]
    assert [data.labels for data in found] == [str(new / "known/who.csv"), str(elsewhere)]


def test_labels_move_with_the_file_that_they_lie_beside(tmp_path):
    old, new, single = tmp_path / "old", tmp_path / "new", tmp_path / "single"
    for folder in (old, single):
        folder.mkdir()
        np.save(folder / "clips.npy", np.stack([moving(seed=seed) for seed in range(3)]))
    (old / "who.csv").write_text("clip,static\nclips.npy/0,b\nclips.npy/1,b\nclips.npy/2,a\n")
    clips = VideoClips(old / "clips.npy", num_frames=4, labels=old / "who.csv")
    config = make_config(clips.settings, {}, {})
    # where there is none beside the new one, the old one does
    assert build_data(config, single / "clips.npy").labels == str(old / "who.csv")
    old.rename(new)
    moved = build_data(config, new / "clips.npy")
    assert (moved.root, moved.labels) == (str(new / "clips.npy"), str(new / "who.csv"))


def test_a_model_loads_without_its_data(tmp_path, monkeypatch):
    vae = small_run(tmp_path, small_vae(), 1).vae
    monkeypatch.delattr(BouncingDigits, "_digits")
    assert load(tmp_path).num_features == vae.num_features


def test_a_prior_in_a_file_is_found_again(tmp_path, file):
    prior = find_prior(f"{file}:walk", {"features": 2})
    trained = small_run(tmp_path / "run", small_vae(prior), 2)
    assert trained.config.model.prior == f"{file}:walk"
    assert trained.config.model.prior_args == {"features": 2}
    assert torch.equal(codes(load(tmp_path / "run")).loc, codes(trained.vae).loc)
    file.write_text(MY_PRIOR + "# another\n")
    with pytest.raises(InputError, match=r"my_prior.py' has changed .*load\(folder, vae=...\)"):
        load(tmp_path / "run")
    file.unlink()
    with pytest.raises(InputError, match=r"can't read the file .*my_prior\.py"):
        load(tmp_path / "run")
    vae = load(tmp_path / "run", vae=small_vae(prior))
    assert torch.equal(codes(vae).loc, codes(trained.vae).loc)


def test_a_prior_in_a_package_says_how_its_run_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "my_priors").mkdir()
    (tmp_path / "my_priors/base.py").write_text("SCALE = 2.0")
    path = tmp_path / "my_priors/walks.py"
    path.write_text("from .base import SCALE\n" + MY_PRIOR)
    monkeypatch.syspath_prepend(tmp_path)
    vae = small_vae(importlib.import_module("my_priors.walks").walk)
    small_run(tmp_path / "run", vae, 1)
    with pytest.raises(InputError, match=r"walks.py' fails to import: .*; .* load\(folder, vae="):
        load(tmp_path / "run")
    assert load(tmp_path / "run", vae=vae) is vae


def local_prior():
    def inner(num_frames):
        return built_in.slow(num_frames)

    return inner


@pytest.mark.parametrize(
    "prior",
    [
        lambda num_frames: 2 * built_in.slow(num_frames),
        local_prior(),
        partial(built_in.slow, temporal_scale=torch.tensor(0.5)),
    ],
    ids=["lambda", "local", "tensor"],
)
def test_a_prior_that_only_python_holds_needs_the_model(tmp_path, prior):
    trained = small_run(tmp_path, small_vae(prior), 2)
    assert trained.config.model.prior == FROM_PYTHON
    with pytest.raises(InputError, match=r"prior came from Python.*load\(folder, vae=...\)"):
        load(tmp_path)
    assert torch.equal(codes(load(tmp_path, vae=small_vae(prior))).loc, codes(trained.vae).loc)


def test_a_model_of_another_description_is_refused(tmp_path):
    small_run(tmp_path, small_vae(partial(built_in.slow, features=4)), 2)
    same = small_vae(partial(built_in.slow, features=4, temporal_scale=0.1))  # the default
    assert load(tmp_path, vae=same) is same
    for vae, error in (
        (small_vae(), r"vae: its prior: got \('factored', .*the run has \('slow', "),
        (
            small_vae(partial(built_in.slow, features=4, temporal_scale=0.2)),
            "'temporal_scale': 0.2",
        ),
        (small_vae(partial(built_in.slow, features=4), beta=3.0), "its beta: got 3.0; the run has"),
        (
            small_vae(partial(built_in.slow, features=4), guide="smoothing"),
            "its guide: got 'smoothing'; the run has ind",
        ),
    ):
        with pytest.raises(InputError, match=error):
            load(tmp_path, vae=vae)


def test_several_numbers_are_compared_however_they_were_written(tmp_path):
    def vae(scales):
        return small_vae(partial(gallery.multi_rate, scales=scales))

    trained = small_run(tmp_path, vae((0.03, 0.3)), 1).vae
    assert torch.equal(codes(load(tmp_path)).loc, codes(trained).loc)
    load(tmp_path, vae=vae(".03,.3"))
    for refused in (
        lambda: load(tmp_path, vae=vae((5.0, 7.0))),
        lambda: small_run(tmp_path, vae((5.0, 7.0)), 2, resume=True),
    ):
        with pytest.raises(InputError, match=r"the run has .*0\.03, ?0\.3"):
            refused()


class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(32 * 32, 8)

    def forward(self, images):
        loc, scale = self.linear(images.flatten(1)).chunk(2, -1)
        return loc, scale.exp()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_custom_networks_need_the_model(tmp_path, precision):
    trained = small_run(tmp_path, small_vae(encoder=Flat()), 2, precision=precision)
    with pytest.raises(InputError, match="networks came from Python"):
        load(tmp_path)
    again = load(tmp_path, vae=small_vae(encoder=Flat()))
    assert torch.equal(codes(again).loc, codes(trained.vae).loc)
    with pytest.raises(InputError, match=r"not this model's: .*guide\.encoder"):
        load(tmp_path, vae=small_vae())


def test_default_networks_of_other_sizes_need_the_model(tmp_path):
    sizes = {"channels": (4, 8), "hidden": 8}
    networks = {"encoder": Encoder(4, (1, SIZE, SIZE), **sizes), "hidden": 16}
    small_run(tmp_path, small_vae(**networks), 1)
    with pytest.raises(InputError, match="networks came from Python"):
        load(tmp_path)
    load(tmp_path, vae=small_vae(**networks))


def module_prior(num_frames):
    return built_in.slow(num_frames)


def test_references():
    assert refer_to(built_in.factored) == ("factored", {}, None)
    nested = partial(partial(built_in.slow, features=2), features=3)
    assert refer_to(nested) == ("slow", {"features": 3}, None)
    assert refer_to(partial(built_in.slow, 3)).prior == FROM_PYTHON
    assert refer_to(partial(gallery.damped, damping=0.5)) == ("damped", {"damping": 0.5}, None)
    assert refer_to(partial(built_in.slow, temporal_scale=np.float32(0.5))).prior == "slow"
    for scales in ((0.1, 0.3), [0.1, np.float64(0.3)], np.array([0.1, 0.3])):
        rates = partial(gallery.multi_rate, scales=scales)
        assert refer_to(rates) == ("multi_rate", {"scales": "0.1,0.3"}, None)
    assert refer_to(partial(module_prior, scales=(0.1, 0.3))).prior == FROM_PYTHON
    prior, arguments, checksum = refer_to(module_prior)
    assert prior == f"{__file__}:module_prior"
    assert arguments == {}
    assert len(checksum) == 64


def test_a_module_of_the_gallery_is_found_again(tmp_path):
    trained = small_run(tmp_path, small_vae(gallery.LearnedFactored(static=3)), 2)
    assert trained.config.model.prior == "learned"
    assert torch.equal(codes(load(tmp_path)).loc, codes(trained.vae).loc)
    assert find_prior("learned", {}) is not find_prior("learned", {})


def test_a_class_in_a_file_is_made_with_its_hyperparameters(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from pyro_factor import gallery\nclass Mine(gallery.LearnedFactored): pass")
    prior = find_prior(f"{path}:Mine", {"static": 3})
    assert (type(prior).__name__, prior.sizes) == ("Mine", {"static": 3, "temporal": 2})
    assert refer_to(prior)[:2] == (f"{path}:Mine", {"static": 3})
    assert refer_to(type(prior)()).prior == FROM_PYTHON
    path.write_text("class Mine:\n    def __init__(self):\n        raise KeyError('h')")
    with pytest.raises(InputError, match=r"prior: making Mine failed \(KeyError: 'h'\)"):
        find_prior(f"{path}:Mine", {})


BAD_PRIORS = {
    "unknown": ("facotred", {}, "choose factored, slow, independent, multi_rate, "),
    "no function": ("{file}", {}, "name a function in a file"),
    "no file": ("nowhere.py:f", {}, "can't read the file 'nowhere.py': No such file"),
    "folder": ("{folder}:f", {}, "can't read the file"),
    "not in file": ("{file}:wlak", {}, "no such function; it has walk"),
    "not callable": ("{file}:answer", {}, "name a function"),
    "keyword": ("{file}:walk", {"sclae": 1}, "'sclae'; the prior knows features, scale"),
    "module's keyword": ("learned", {"num_frames": 1}, "the prior knows static, temporal, static_"),
    "module's size": ("learned", {"static": 0}, "static: got 0; give a whole number"),
    "built-in keyword": ("slow", {"static": 1}, "the prior knows features, temporal_scale"),
    "broken": ("{broken}:f", {}, "fails to import: ZeroDivisionError: division by zero"),
    "syntax": ("{syntax}:f", {}, "fails to import: SyntaxError"),
    "exit": ("{leaves}:f", {}, "fails to import: SystemExit"),
    "not Python": ("{text}:f", {}, "name a Python file"),
}


@pytest.mark.parametrize("case", BAD_PRIORS)
def test_bad_priors_are_named(tmp_path, file, case):
    sources = {"broken": "1 / 0", "syntax": "def f(", "leaves": "raise SystemExit(3)"}
    paths = {name: tmp_path / f"{name}.py" for name in sources} | {"text": tmp_path / "a.txt"}
    for name, path in paths.items():
        path.write_text(sources.get(name, "hello"))
    reference, arguments, message = BAD_PRIORS[case]
    modules = set(sys.modules)
    with pytest.raises(InputError) as caught:
        find_prior(reference.format(file=file, folder=tmp_path, **paths), arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {m for m in set(sys.modules) - modules if "broken" in m or "syntax" in m} == set()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def foreign(path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, path)


def newer(path):
    path.write_bytes(path.read_bytes().replace(b'"version":"1"', b'"version":"9"'))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (truncate, "damaged or not a checkpoint"),
        (lambda path: path.write_bytes(b""), "damaged or not a checkpoint"),
        (lambda path: path.write_bytes(b"\x80\x04K\x01."), "damaged or not a checkpoint"),
        (lambda path: path.unlink(), "can't read the checkpoint"),
        (foreign, "not a checkpoint of pyro-factor"),
        (newer, "version 9"),
    ],
)
def test_a_damaged_checkpoint_is_refused_by_name(tmp_path, harm, message):
    small_run(tmp_path, small_vae(), 1)
    harm(tmp_path / "checkpoint.safetensors")
    for read in (load, load_run, lambda f: small_run(f, small_vae(), 2, resume=True)):
        with pytest.raises(InputError, match=f"checkpoint.safetensors: .*{message}"):
            read(tmp_path)


MADE = """
from dataclasses import dataclass
from pyro_factor import gallery, priors

made = gallery.LearnedFactored(static_scale=0.2)

@dataclass
class Walk:
    scale: float = 0.2
    def __call__(self, num_frames):
        return priors.slow(num_frames, temporal_scale=self.scale)

walk = Walk()
"""


def test_a_module_that_a_file_makes_is_each_models_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MADE)
    trained = small_run(tmp_path / "run", small_vae(find_prior(f"{path}:made", {})), 2)
    learned = trained.vae.prior.static_scale.item()
    fresh = find_prior(f"{path}:made", {})
    assert fresh.static_scale.item() == pytest.approx(0.2)
    loaded = load(tmp_path / "run")
    assert loaded.prior.static_scale.item() == learned != fresh.static_scale.item()


def test_an_object_that_a_file_makes_is_found_again_though_it_has_no_hash(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MADE)
    trained = small_run(tmp_path / "run", small_vae(find_prior(f"{path}:walk", {})), 2)
    assert trained.config.model.prior == f"{path}:walk"
    assert torch.equal(codes(load(tmp_path / "run")).loc, codes(trained.vae).loc)
