"""What is known of some clips, as the groups of ArviZ's InferenceData."""

import re
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..data import Clips
from ..errors import require
from ..models.layout import Draw, Layout
from ..models.video_vae import VideoVAE
from ..models.videos import Videos
from .draws import draw, draw_prior

CHAINS = 4
FEATURES = {"hs0": "static_feature", "hs": "static_feature", "ht": "temporal_feature"}
IMAGE = ("frame", "channel", "height", "width")

# Arrays by name, each with the names of its dimensions.
Group = dict[str, tuple[tuple[str, ...], np.ndarray]]


class Sizes(NamedTuple):
    """How much is drawn.

    Args:
        samples: Draws of codes for each clip, in four chains.
        images: Those of them for which frames are drawn too.
    """

    samples: int
    images: int


def clip_groups(vae: VideoVAE, clips: Clips | Videos, sizes: Sizes) -> dict[str, Group]:
    """The groups that grow with the number of clips, for some of them.

    Args:
        vae: The model, in evaluation mode.
        clips: Clips with labels, or videos (B, N, C, H, W) alone.
        sizes: How much is drawn.

    Returns:
        posterior, posterior_predictive (x: pixels drawn from their Bernoullis), log_likelihood (x
        of videos, x_frame of frames), sample_stats (terms of the ELBO and log weights),
        observed_data and constant_data; nats throughout.
    """
    videos = clips if isinstance(clips, Tensor) else clips.videos
    drawn = draw(vae, videos, sizes.samples)
    named = dimensions(vae.model.reader.layout(videos.shape[1]))
    stats = {
        "reconstruction": drawn.likelihood.sum(-1),
        **drawn.terms,
        "log_weight": drawn.log_weight,
    }
    video = ("chain", "draw", "video")
    groups: dict[str, Group] = {
        "posterior": {
            name: ((*video, *named[name]), _chains(value)) for name, value in drawn.sites.items()
        },
        "posterior_predictive": {
            "x": ((*video, *IMAGE), _chains(_images(vae, _first(drawn.codes, sizes.images))))
        },
        "log_likelihood": {
            "x": (video, _chains(drawn.likelihood.sum(-1))),
            "x_frame": ((*video, "frame"), _chains(drawn.likelihood)),
        },
        "sample_stats": {name: (video, _chains(value)) for name, value in stats.items()},
        "observed_data": {"x": (("video", *IMAGE), videos.numpy(force=True))},
    }
    labels = {} if isinstance(clips, Tensor) else _labels(clips)
    return groups | ({"constant_data": labels} if labels else {})


@torch.no_grad()
def prior_groups(vae: VideoVAE, num_frames: int, sizes: Sizes) -> dict[str, Group]:
    """The groups prior and prior_predictive: draws for one clip that nothing is known of."""
    layout = vae.model.reader.layout(num_frames)
    values = draw_prior(vae, sizes.samples, num_frames)
    codes = layout.stack({d.name: values[d.name] for d in layout.frame_draws})
    chain, named = ("chain", "draw"), dimensions(layout)
    return {
        "prior": {
            d.name: (
                (*chain, *named[d.name]),
                _chains(values[d.name].reshape(sizes.samples, *d.shape)),
            )
            for d in layout.draws
        },
        "prior_predictive": {
            "x": ((*chain, *IMAGE), _chains(_images(vae, _first(codes, sizes.images))))
        },
    }


def _labels(clips: Clips) -> Group:
    """Those labels that the clips have."""
    labels = {
        "static_label": (("video",), clips.static),
        "temporal_label": (("video", "frame"), clips.temporal),
        "position": (("video", "frame", "axis"), clips.position),
    }
    return {
        name: (dims, value.numpy(force=True))
        for name, (dims, value) in labels.items()
        if value is not None
    }


def dimensions(layout: Layout) -> dict[str, tuple[str, ...]]:
    """Names of the dimensions of each draw of a prior: frames and features, wherever they are.

    Draws of one factor share a name of their features, unless they differ in how many they have.
    """
    found = {each.name: _dimensions(each, layout) for each in layout.draws}
    taken = {"chain", "draw", "video", *IMAGE}.union(*found.values())
    for name in found:
        advice = "a dimension has that name, or a file could not hold it; rename the draw"
        require(name not in taken and "/" not in name, "prior", f"a draw {name!r}", advice)
    sizes: dict[str, set[int]] = {}
    for each in layout.draws:
        for name, size in zip(found[each.name], each.shape, strict=True):
            sizes.setdefault(name, set()).add(size)
    return {
        site: tuple(name if len(sizes[name]) == 1 else f"{site}_feature" for name in names)
        for site, names in found.items()
    }


def _dimensions(draw: Draw, layout: Layout) -> tuple[str, ...]:
    """Which axis is of frames and which of features is read off the entries of h."""
    last = len(draw.shape) - 1
    feature = FEATURES.get(re.sub(r"_\d+$", "", draw.name), f"{draw.name}_feature")
    names = [f"{draw.name}_axis_{axis}" for axis in range(last)] + [feature] * (last >= 0)
    if draw.index is None:
        return tuple(names)
    frames, features = draw.index // layout.num_features, draw.index % layout.num_features
    for axis, size in enumerate(draw.shape):
        moving, telling = _varies(frames, axis), _varies(features, axis)
        # in their order: entry i of an axis of frames is frame i
        whole = size == layout.num_frames and not telling and _counts(frames, axis)
        if whole and (axis < last or moving):
            names[axis] = "frame"
        elif moving:
            names[axis] = f"{draw.name}_axis_{axis}"
        elif telling:
            names[axis] = feature
        if names[axis] in names[:axis]:
            one = size == layout.num_frames == 1 and "frame" not in names
            names[axis] = "frame" if one else f"{draw.name}_axis_{axis}"
    return tuple(names)


def _varies(part: Tensor, axis: int) -> bool:
    return bool((part != part.narrow(axis, 0, 1)).any())


def _counts(part: Tensor, axis: int) -> bool:
    return bool((part.movedim(axis, -1) == torch.arange(part.shape[axis])).all())


def _chains(value: Tensor) -> np.ndarray:
    """Split draws, (S, ...), into chains, (4, S/4, ...)."""
    return value.unflatten(0, (CHAINS, -1)).numpy(force=True)


def _first(value: Tensor, count: int) -> Tensor:
    """As many of the draws, (S, ...), the first of every chain."""
    return value.unflatten(0, (CHAINS, -1))[:, : count // CHAINS].flatten(0, 1)


def _images(vae: VideoVAE, codes: Float[Tensor, "draws *videos frames features"]) -> Tensor:
    """Pixels drawn from their distributions, a draw of the codes at a time."""
    return torch.stack([vae.images.sample(vae.model.outputs(h)) for h in codes])
