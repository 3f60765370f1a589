"""A pair whose encoder has spoken: its outputs are leaves, in which gradients are taken."""

import copy
from typing import NamedTuple

import pyro
import torch
from torch import Tensor, nn

from ..errors import require
from ..inference.seeds import forked
from ..models.mean_field_guide import MeanFieldGuide
from ..models.prior_reader import PriorReader
from ..models.video_guide import VideoGuide
from ..models.video_model import PriorAlone, VideoModel
from ..models.video_vae import VideoVAE
from ..models.videos import Videos


class Outputs(nn.Module):
    """An encoder that always gives the same loc and scale, both leaves.

    Args:
        loc: (M, D).
        scale: (M, D).
    """

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.loc = loc.detach().clone().requires_grad_()
        self.scale = scale.detach().clone().requires_grad_()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return loc and scale, whatever the images."""
        return self.loc, self.scale


class Frozen(NamedTuple):
    """A video VAE's pair for one batch, the encoder's outputs given.

    Args:
        model: The whole model.
        prior: The model without its likelihood.
        guide: The guide.
        mean_field: The guide with independent global draws.
        leaves: The encoder's loc and scale, (M, D) each.
    """

    model: VideoModel
    prior: VideoModel
    guide: VideoGuide
    mean_field: VideoGuide
    leaves: tuple[Tensor, Tensor]


def freeze(vae: VideoVAE, loc: Tensor, scale: Tensor, reader: PriorReader | None = None) -> Frozen:
    """Give the pair of a video VAE for known outputs of its encoder, at β = 1.

    Args:
        vae: The video VAE.
        loc: The encoder's means, (M, D).
        scale: Its scales, (M, D).
        reader: Another prior with as many features.

    Returns:
        The pair, which shares the decoder.

    Raises:
        InputError: The guide's frames are not independent.
    """
    advice = "give a model whose guide has independent frames"
    require(vae.guide.name == VideoGuide.name, "vae", f"a {vae.guide.name} guide", advice)
    reader, images = reader or vae.model.reader, vae.images
    outputs, decoder = Outputs(loc, scale), vae.model.decoder
    with pyro.settings.context(module_local_params=True):
        guide = VideoGuide(reader, outputs, 1.0, images)
        return Frozen(
            VideoModel(reader, decoder, 1.0, images),
            PriorAlone(reader, decoder, 1.0, images),
            guide,
            MeanFieldGuide.of(guide),
            (outputs.loc, outputs.scale),
        )


@torch.no_grad()
def hold_statistics(vae: VideoVAE, videos: Videos) -> VideoVAE:
    """A copy in evaluation mode, batch normalisation held at the statistics of these clips.

    So frames don't mix, and yet the networks do what they would in training on this batch.
    """
    held = copy.deepcopy(vae).train()
    norms = [m for m in held.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    handles = [norm.register_forward_hook(_hold) for norm in norms]
    with forked():
        q = held.encode(videos)
        held.decode(q.sample())
    for handle in handles:
        handle.remove()
    return held.eval()


def _hold(norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    """Hold the variance that the batch was normalised by; PyTorch holds the unbiased one."""
    size = inputs[0].numel() // inputs[0].shape[1]
    norm.running_var.mul_(1 - 1 / size)  # type: ignore[operator]


@torch.no_grad()
def encoded(vae: VideoVAE, videos: Videos) -> tuple[Tensor, Tensor]:
    """The encoder's outputs for every frame."""
    q = vae.encode(videos)
    return q.loc.flatten(0, 1), q.scale.flatten(0, 1)
