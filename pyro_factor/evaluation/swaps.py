"""The swap-and-sample protocol: a judge looks at clips decoded from codes that were put together.

Li and Mandt 2018, "Disentangled sequential autoencoder"; Berman et al. 2024, "Sequential
disentanglement by extracting static information from a single sequence element".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..data import Clips
from ..errors import require
from ..models import VideoVAE
from .judge import Judge


@dataclass(frozen=True)
class Verdict:
    """What a judge says of some clips; accuracies in [0, 1], entropies in nats.

    Args:
        static: Accuracy on the static label that a clip should have; None if it should have none.
        temporal: The same for its frames' temporal labels.
        inception: exp(H(y) - H(y|x)) of the static label: 1 to the number of classes.
        conditional_entropy: H(y|x), how unsure the judge is of a clip.
        entropy: H(y), how varied the clips are.
    """

    static: float | None
    temporal: float | None
    inception: float
    conditional_entropy: float
    entropy: float


def measure_swaps(
    vae: VideoVAE, judge: Judge, clips: Clips, columns: Sequence[int]
) -> dict[str, Verdict]:
    """Judge real clips, decoded ones, and ones whose parts were exchanged or drawn anew.

    Args:
        vae: The model, in evaluation mode; draws are of torch's random state.
        judge: The judge.
        clips: An even number of clips; each two neighbours are a pair.
        columns: The static columns.

    Returns:
        A verdict on each: `real`; `decoded`; `swapped`, whose static label is the partner's;
        `static drawn` from the prior, and `temporal drawn`, whose other part is the clip's own;
        `static gliding` and `temporal gliding`, whose one part goes from the clip's own code to its
        partner's while the other stays (figures 4 to 7).

    Raises:
        InputError: An odd number of clips.
    """
    count, static, temporal = len(clips.videos), clips.label("static"), clips.label("temporal")
    require(count % 2 == 0, "clips", count, "give an even number, for pairs")
    with torch.no_grad():
        h = vae.encode(clips.videos).loc
        drawn = vae.sample_prior(count, clips.videos.shape[1])
        rest = [column for column in range(vae.num_features) if column not in set(columns)]
        partner = static.unflatten(0, (-1, 2)).flip(1).flatten()
        others = h.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
        made = {
            "real": (clips.videos, static, temporal),
            "decoded": (vae.decode(h), static, temporal),
            "swapped": (vae.decode(exchanged(h, others, columns)), partner, temporal),
            "static drawn": (vae.decode(exchanged(h, drawn, columns)), None, temporal),
            "temporal drawn": (vae.decode(exchanged(h, drawn, rest)), static, None),
            "static gliding": (vae.decode(gliding(h, others, columns)), None, temporal),
            "temporal gliding": (vae.decode(gliding(h, others, rest)), static, None),
        }
    return {name: verdict(judge, *each) for name, each in made.items()}


def exchanged(
    h: Float[Tensor, "*videos frames features"],
    others: Float[Tensor, "*videos frames features"],
    columns: Sequence[int],
) -> Float[Tensor, "*videos frames features"]:
    """Codes with some columns of other codes."""
    codes, chosen = h.clone(), list(columns)
    codes[..., chosen] = others[..., chosen]
    return codes


def gliding(
    h: Float[Tensor, "videos frames features"],
    others: Float[Tensor, "videos frames features"],
    columns: Sequence[int],
) -> Float[Tensor, "videos frames features"]:
    """Codes that go straight to other codes in some columns, from the first frame to the last."""
    weight = torch.linspace(0, 1, h.shape[1], dtype=h.dtype, device=h.device)[:, None]
    return exchanged(h, torch.lerp(h, others, weight), columns)


def verdict(
    judge: Judge, videos: Tensor, static: Tensor | None, temporal: Tensor | None
) -> Verdict:
    """Judge clips by the labels they should have."""
    of_clips, of_frames = judge.judge(videos.clamp(0, 1))
    sure, varied = entropies(of_clips)
    return Verdict(
        static=None if static is None else _share(of_clips, static),
        temporal=None if temporal is None else _share(of_frames, temporal),
        inception=float(torch.tensor(varied - sure).exp()),
        conditional_entropy=sure,
        entropy=varied,
    )


def entropies(log_probs: Float[Tensor, "videos classes"]) -> tuple[float, float]:
    """H(y|x) and H(y) of a judge's log-probabilities, nats."""
    log_probs = log_probs.double()
    conditional = -(log_probs.exp() * log_probs).nan_to_num(0.0).sum(-1).mean()
    marginal = log_probs.exp().mean(0)
    return float(conditional), float(-torch.special.xlogy(marginal, marginal).sum())


def _share(log_probs: Tensor, labels: Tensor) -> float:
    return float((log_probs.argmax(-1) == labels).float().mean())
