"""Tables 4 and 5: layers, shapes and parameters."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pyro_factor.models import Decoder, Encoder, VideoVAE, priors
from pyro_factor.models.networks import FourierFeatures

# (channels out, stride) of each convolution, as the tables list them
TABLE_4 = [(16, 1), (16, 2), (32, 1), (32, 2), (64, 1), (64, 2), (128, 1), (128, 2)]
TABLE_5 = [(128, 1), (64, 2), (64, 1), (32, 2), (32, 1), (16, 2), (16, 1), (1, 2)]
FEATURES = [2, 4, 8]


def layers(network, kind):
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def count(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("features", FEATURES)
def test_encoder_is_table_4(features):
    encoder = Encoder(features)
    convolutions = layers(encoder, nn.Conv2d)
    assert [(c.out_channels, c.stride[0]) for c in convolutions] == TABLE_4
    assert all(c.kernel_size == (3, 3) for c in convolutions)
    linear = layers(encoder, nn.Linear)
    assert [(x.in_features, x.out_features) for x in linear] == [
        (4 * 4 * 128, 256),
        (256, features),
        (256, features),
    ]
    # batch normalisation at every layer but the heads
    assert len(layers(encoder, (nn.BatchNorm1d, nn.BatchNorm2d))) == len(convolutions) + 1
    assert len(layers(encoder, nn.ReLU)) == len(convolutions) + 1
    inputs = [1] + [out for out, _ in TABLE_4[:-1]]
    weights = sum(9 * i * out for i, (out, _) in zip(inputs, TABLE_4, strict=True))
    norms = 2 * (sum(out for out, _ in TABLE_4) + 256)
    assert count(encoder) == weights + norms + 2048 * 256 + 2 * (256 + 1) * features


@pytest.mark.parametrize("features", FEATURES)
def test_decoder_is_table_5(features):
    decoder = Decoder(features)
    convolutions = layers(decoder, nn.ConvTranspose2d)
    assert [(c.out_channels, c.stride[0]) for c in convolutions] == TABLE_5
    assert all(c.kernel_size == (3, 3) for c in convolutions)
    linear = layers(decoder, nn.Linear)
    assert [(x.in_features, x.out_features) for x in linear] == [(features, 256), (256, 2048)]
    # batch normalisation at every layer but the output
    assert len(layers(decoder, (nn.BatchNorm1d, nn.BatchNorm2d))) == len(convolutions) + 1
    inputs = [128] + [out for out, _ in TABLE_5[:-1]]
    weights = sum(9 * i * out for i, (out, _) in zip(inputs, TABLE_5, strict=True))
    norms = 2 * (sum(out for out, _ in TABLE_5[:-1]) + 256 + 2048)
    # the output layer alone has a bias of its own
    assert count(decoder) == weights + 1 + norms + 256 * features + 256 * 2048


def test_fourier_features_are_sines_and_cosines_at_octaves():
    h = torch.randn(7, 2)
    found = FourierFeatures(3)(h)
    assert found.shape == (7, 2 * (1 + 2 * 3))
    waves = [
        torch.stack([w(2**k * torch.pi / 2 * h) for k in range(3)], -1).flatten(1)
        for w in (torch.sin, torch.cos)
    ]
    assert torch.allclose(found, torch.cat([h, *waves], -1))


def test_a_decoder_with_fourier_features_differs_in_its_first_layer_alone():
    plain, other = Decoder(4).state_dict(), Decoder(4, frequencies=6).state_dict()
    assert plain.keys() == other.keys()
    (changed,) = (name for name in plain if plain[name].shape != other[name].shape)
    assert (tuple(plain[changed].shape), tuple(other[changed].shape)) == ((256, 4), (256, 52))


@settings(deadline=None, max_examples=15)
@given(
    st.integers(1, 3),
    st.integers(5, 70),
    st.integers(5, 70),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
)
def test_any_image_size(image_channels, height, width, channels):
    shape = (image_channels, height, width)
    loc, scale = Encoder(3, shape, channels, 8)(torch.rand(2, *shape))
    assert loc.shape == scale.shape == (2, 3)
    assert (scale > 0).all()
    assert Decoder(3, shape, channels, 8)(loc).shape == (2, *shape)


def test_heads_are_float32_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        loc, scale = Encoder(4)(torch.rand(2, 1, 64, 64))
    assert loc.dtype == scale.dtype == torch.float32


@pytest.mark.parametrize("custom", [False, True])
def test_a_pairs_outputs_are_float32_under_autocast(custom):
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), Halves()) if custom else None
    decoder = nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (1, 8, 8))) if custom else None
    shape = (1, 8, 8) if custom else (1, 64, 64)
    vae = VideoVAE(priors.slow, 3, encoder=encoder, decoder=decoder, image_shape=shape)
    with torch.autocast("cpu", torch.bfloat16):
        q = vae.encode(torch.rand(2, 3, *shape))
        logits = vae.model.outputs(q.loc)
    assert q.loc.dtype == q.scale.dtype == logits.dtype == torch.float32


class Halves(nn.Module):
    def forward(self, output):
        loc, scale = output.chunk(2, -1)
        return loc, scale.exp()
