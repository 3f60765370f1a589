"""Windows that move: what they see and draw, against grid_sample, moments and shifts by pixels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from pyro_factor import InputError
from pyro_factor.models import GlimpseDecoder, GlimpseEncoder, VideoVAE, priors
from pyro_factor.models.glimpse import brightness_centre, window

FRAME, GLIMPSE = (12, 10), 6


def drawn(picture, place, width=1):
    rows, columns = window(place, FRAME, GLIMPSE, width)
    return rows @ picture @ columns.mT


def sampled(picture, place):
    """The same by PyTorch's bilinear sampling: the window's value at each pixel of the frame."""
    axes = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in FRAME]
    down, right = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([right, down], -1) - place.flip(-1)[:, None, None]
    return F.grid_sample(picture, grid / (GLIMPSE / 2), align_corners=False)


@settings(deadline=None, max_examples=30)
@given(st.floats(-9, 9), st.floats(-9, 9))
def test_a_window_is_drawn_by_linear_interpolation(down, right):
    place = torch.tensor([[down, right]], dtype=torch.float64)
    picture = torch.rand(1, 2, GLIMPSE, GLIMPSE, dtype=torch.float64)
    torch.testing.assert_close(drawn(picture, place), sampled(picture, place))


def test_wider_tents_leave_the_brightness_alone():
    picture = torch.zeros(1, 1, GLIMPSE, GLIMPSE, dtype=torch.float64)
    picture[..., 2:4, 2:4] = torch.rand(2, 2)
    place = torch.tensor([[0.3, -0.7]], dtype=torch.float64)
    for width in (1, 2, 3):
        wide = drawn(picture, place, width)
        assert wide.sum().item() == pytest.approx(picture.sum().item())
        # and leave it where it is
        middle = brightness_centre(picture) + place
        torch.testing.assert_close(brightness_centre(wide), middle)


def test_the_centre_of_one_pixel_is_where_it_is():
    images = torch.zeros(3, 1, *FRAME)
    images[0, 0, 2, 9] = 0.4
    images[1] = 1.0
    torch.testing.assert_close(
        brightness_centre(images), torch.tensor([[-3.5, 4.5], [0.0, 0.0], [0.0, 0.0]])
    )


def test_what_moves_by_pixels_is_seen_the_same():
    encoder = GlimpseEncoder(3, (1, 16, 16), 6, channels=(4,), hidden=8).eval()
    seen = []
    encoder.features = lambda glimpse: seen.append(glimpse) or torch.zeros(len(glimpse), 8)
    images = torch.zeros(2, 1, 16, 16)
    images[0, :, 4:8, 5:8] = torch.rand(4, 3)
    images[1] = images[0].roll((3, 2), (-2, -1))
    loc, _ = encoder(images)
    torch.testing.assert_close(seen[0][0], seen[0][1])
    # the heads are told of the move, in pixels
    move = encoder.loc.weight[:, -2:] @ torch.tensor([3.0, 2.0])
    torch.testing.assert_close(loc[1] - loc[0], move)


def test_a_code_moves_what_it_draws():
    decoder = GlimpseDecoder(2, (1, 16, 16), 6, channels=(4,), hidden=8).eval()
    with torch.no_grad():
        decoder.place.weight.copy_(torch.eye(2))
        decoder.place.bias.zero_()
        decoder.log_width.zero_()  # a pixel of the window reaches to the next of the frame
        decoder.linear[0][0].weight.zero_()  # so that all codes have one picture
    # a unit is a quarter of the frame: 4 pixels
    still, moved = decoder(torch.tensor([[0.0, 0.0], [0.5, -0.25]]))
    torch.testing.assert_close(moved, still.roll((2, -1), (-2, -1)))
    assert (still[:, :3] == decoder.background).all()
    assert not torch.equal(moved, still)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 3), st.integers(6, 20), st.integers(6, 20), st.integers(1, 6))
def test_any_frame_and_window(channels, height, width, glimpse):
    shape = (channels, height, width)
    sizes = {"channels": (2, 4), "hidden": 8}
    loc, scale = GlimpseEncoder(3, shape, glimpse, **sizes)(torch.rand(2, *shape))
    assert loc.shape == scale.shape == (2, 3)
    assert GlimpseDecoder(3, shape, glimpse, **sizes)(loc).shape == (2, *shape)


def test_the_width_of_a_stroke_is_learned():
    decoder = GlimpseDecoder(2, (1, 16, 16), 6, channels=(4,), hidden=8).double()
    h = torch.randn(3, 2, dtype=torch.float64)

    def brightness(log_width):
        decoder.log_width.data.fill_(log_width)
        return decoder(h)[:, 0, 8, 8].sum()

    by_hand = (brightness(1.0 + 1e-6) - brightness(1.0 - 1e-6)) / 2e-6
    (gradient,) = torch.autograd.grad(brightness(1.0), decoder.log_width)
    assert gradient.item() == pytest.approx(by_hand.item(), rel=1e-5)
    assert gradient.item() != 0


def test_places_are_float32_under_autocast():
    shape = (1, 8, 8)
    vae = VideoVAE(priors.slow, 3, image_shape=shape, channels=(2,), hidden=4, glimpse=5)
    with torch.autocast("cpu", torch.bfloat16):
        q = vae.encode(torch.rand(2, 3, *shape))
        logits = vae.model.outputs(q.loc)
    assert q.loc.dtype == q.scale.dtype == logits.dtype == torch.float32
    assert isinstance(vae.guide.encoder, GlimpseEncoder)
    assert vae.settings["glimpse"] == 5


@pytest.mark.parametrize(("pixels", "dark"), [("bernoulli", -4.0), ("gaussian", 0.0)])
def test_the_background_starts_dark(pixels, dark):
    shape = (1, 8, 8)
    vae = VideoVAE(
        priors.slow, 3, image_shape=shape, channels=(2,), hidden=4, glimpse=5, pixels=pixels
    )
    assert vae.model.decoder.background.item() == dark


@pytest.mark.parametrize("glimpse", [-1, 9])
def test_a_window_fits_the_frame(glimpse):
    with pytest.raises(InputError, match="glimpse"):
        VideoVAE(priors.slow, 3, image_shape=(1, 8, 12), channels=(2,), glimpse=glimpse)
