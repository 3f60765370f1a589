"""PSNR, SSIM and BCE against scikit-image and hand-worked values; frames that were not seen."""

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from small_runs import small_data, small_vae

from pyro_factor.errors import InputError
from pyro_factor.evaluation.reconstruction import likeness, ssim
from pyro_factor.evaluation.unseen_frames import masks, measure_unseen, nearest_seen


@pytest.mark.parametrize("channels", [1, 3])
def test_against_scikit_image(channels):
    generator = torch.Generator().manual_seed(0)
    shape = (3, channels, 20, 17)
    a = torch.rand(shape, generator=generator, dtype=torch.float64)
    b = (a + 0.2 * torch.randn(shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for number, (x, y) in enumerate(zip(a.numpy(), b.numpy(), strict=True)):
        expected = structural_similarity(x, y, data_range=1, channel_axis=0, **window)
        assert float(ssim(a, b)[number]) == pytest.approx(expected, abs=1e-10)
    expected = [
        peak_signal_noise_ratio(x, y, data_range=1)
        for x, y in zip(a.numpy(), b.numpy(), strict=True)
    ]
    assert likeness(b, a).psnr == pytest.approx(sum(expected) / 3)


def test_likeness_of_a_frame_with_itself_and_of_grey():
    real = (torch.rand(4, 1, 16, 16) > 0.5).float()
    same = likeness(real, real)
    assert (same.psnr, same.ssim) == pytest.approx((100, 1))
    grey = likeness(torch.full_like(real, 0.5), real)
    assert grey.psnr == pytest.approx(-10 * torch.tensor(0.25).log10().item(), abs=1e-4)
    assert grey.bce == pytest.approx(256 * torch.tensor(2.0).log().item(), rel=1e-5)


def test_small_frames_are_refused():
    with pytest.raises(InputError, match="11 pixels"):
        ssim(torch.rand(1, 1, 10, 20), torch.rand(1, 1, 10, 20))


def test_masks_and_nearest_frames_by_hand():
    seen = masks(7)
    assert seen["predicted"].tolist() == [True] * 4 + [False] * 3
    assert seen["imputed"].tolist() == [True, False, False] * 2 + [True]
    assert nearest_seen(seen["predicted"]).tolist() == [0, 1, 2, 3, 3, 3, 3]
    assert nearest_seen(seen["imputed"]).tolist() == [0, 0, 3, 3, 3, 6, 6]


def test_unseen_frames_of_a_still_clip():
    """A model that was never trained expects what its decoder makes of the prior's mean."""
    vae = small_vae().eval()
    videos = small_data().batch(3, torch.Generator().manual_seed(0)).videos
    found = measure_unseen(vae, videos)
    assert set(found) == {"predicted", "imputed"}
    for each in found.values():
        assert set(each) == {"model", "nearest frame", "seen"}
    still = videos[:, :1].expand_as(videos).contiguous()
    assert measure_unseen(vae, still)["predicted"]["nearest frame"].psnr == pytest.approx(100)
