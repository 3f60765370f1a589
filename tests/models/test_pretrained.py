"""Models that come with the package: loaded as they were made, and nothing else is loaded."""

import json
from dataclasses import replace

import pytest
import torch
from released import NAME
from safetensors.torch import save_file
from small_runs import small_data

from pyro_factor import InputError, VideoVAE
from pyro_factor.checkpoint import read_checkpoint, write_checkpoint
from pyro_factor.inference import load
from pyro_factor.models.pretrained import pretrained_names, pretrained_path, read_pretrained

# ten times what was measured: 0.0005 and 0.00006
CODES, PIXELS = 5e-3, 6e-4


@pytest.mark.parametrize("name", pretrained_names())
def test_every_model_of_the_package_loads_and_decodes(name):
    state = torch.get_rng_state()
    vae = VideoVAE.from_pretrained(name)
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module.training for module in vae.modules())
    assert {(p.dtype, p.device.type) for p in vae.parameters()} == {(torch.float32, "cpu")}
    kernels = [p for p in vae.parameters() if p.ndim == 4]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    with torch.no_grad():
        frames = vae.decode(vae.sample_prior(2, 3))
        codes = vae.encode(frames)
    assert frames.shape == (2, 3, *vae.image_shape)
    assert frames.std() > 0.01
    assert codes.loc.isfinite().all()


def test_half_precision_makes_the_codes_and_frames_of_the_run(released):
    trained, rounded = load(released / "run"), VideoVAE.from_pretrained(NAME)
    videos = small_data().batch(8, torch.Generator().manual_seed(1)).videos
    with torch.no_grad():
        before, after = trained.encode(videos), rounded.encode(videos)
        frames = [vae.decode(before.loc) for vae in (trained, rounded)]
    assert rounded.beta == trained.beta == 2.0
    assert 0 < ((after.loc - before.loc) / before.scale).abs().max() < CODES
    assert 0 < (frames[1] - frames[0]).abs().max() < PIXELS


def test_a_subclass_loads_as_itself(released):
    class Mine(VideoVAE):
        pass

    assert type(Mine.from_pretrained(NAME)) is Mine


@pytest.mark.parametrize(
    "name", ["small-3", "", ".", f"../weights/{NAME}", f"{NAME}.safetensors", "/etc/passwd", "*"]
)
def test_an_unknown_name_is_refused_with_those_there_are(released, name):
    assert VideoVAE.pretrained_names() == [NAME]
    with pytest.raises(InputError, match=rf"^name: got '.*'; choose from {NAME}$"):
        VideoVAE.from_pretrained(name)


def flip(place):
    def harm(path):
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)

    return harm


def foreign(path):
    save_file({"x": torch.zeros(1)}, path)


def altered(change):
    """A whole file with another header entry or without it, its checksum made anew."""

    def harm(path):
        held = read_checkpoint(path)
        write_checkpoint(path, replace(held, about=change(dict(held.about))))

    return harm


def without(about):
    return {}


def another_beta(about):
    config = json.loads(about["config"])
    config["model"]["beta"] = 1.0
    return about | {"config": json.dumps(config)}


def no_config(about):
    return about | {"config": "{}"}


HARM = {
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "damaged or not a checkpoint"),
    "empty": (lambda path: path.write_bytes(b""), "damaged or not a checkpoint"),
    "pickle": (lambda path: torch.save({}, path), "damaged or not a checkpoint"),
    "foreign": (foreign, "not a checkpoint of pyro-factor"),
    "a weight": (flip(-1), "damaged or altered"),
    "a plain checkpoint": (altered(without), "no model that comes with pyro-factor"),
    "another configuration": (altered(another_beta), "configuration is of another run"),
    "no configuration": (altered(no_config), "version: got"),
}


@pytest.mark.parametrize("case", HARM)
def test_a_file_that_is_not_as_it_was_made_is_refused(released, case):
    harm, message = HARM[case]
    harm(pretrained_path(NAME))
    with pytest.raises(InputError, match=rf"{NAME}\.safetensors: .*{message}"):
        VideoVAE.from_pretrained(NAME)


def test_an_altered_card_is_refused_too(released):
    path = pretrained_path(NAME)
    content = path.read_bytes()
    assert content.count(b'\\"d_score\\"') > 1
    path.write_bytes(content.replace(b'\\"d_score\\"', b'\\"D_score\\"'))
    with pytest.raises(InputError, match="damaged or altered"):
        VideoVAE.from_pretrained(NAME)


def test_the_file_holds_weights_and_no_more(released):
    held = read_pretrained(NAME).checkpoint
    assert all(name.startswith("weights.") for name in held.tensors)
    whole = read_checkpoint(released / "run/checkpoint.safetensors")
    assert held.part("weights").keys() == whole.part("weights").keys()
    for name, tensor in held.part("weights").items():
        assert tensor.is_floating_point() == whole.part("weights")[name].is_floating_point()
        if not tensor.is_floating_point():
            assert torch.equal(tensor, whole.part("weights")[name])
