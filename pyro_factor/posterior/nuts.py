"""Draws from the true posterior p(h | x) by Hamiltonian Monte Carlo, the networks fixed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from pyro.infer import MCMC, NUTS
from torch import Tensor

from ..errors import InputError, check_seed, require
from ..files import atomic
from ..inference.seeds import seeded
from ..models.latent_posterior import LatentPosterior
from ..models.video_vae import VideoVAE
from ..models.videos import Videos
from ..track import Track, untracked

WHITENED = ("guide", "prior")


@dataclass(frozen=True)
class Settings:
    """How long to sample, and how.

    Args:
        chains: Chains for each clip, 2 or more.
        warmup: Draws of each that adapt the step and the mass, and are thrown away.
        samples: Draws of each that are kept, 4 or more.
        max_tree_depth: Steps of a draw double up to this often.
        whiten: By whose covariance codes are whitened: "guide" or "prior".
        seed: Seed of the chains.

    Raises:
        InputError: A number is out of range.
    """

    chains: int = 4
    warmup: int = 300
    samples: int = 500
    max_tree_depth: int = 6
    whiten: str = "guide"
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"chains": 2, "warmup": 1, "samples": 4, "max_tree_depth": 1}
        for name, number in least.items():
            given = getattr(self, name)
            require(given >= number, name, given, f"give {number} or more")
        check_seed(self.seed)
        require(self.whiten in WHITENED, "whiten", self.whiten, "choose from guide, prior")


@dataclass(frozen=True)
class Chain:
    """What one chain drew of one clip's codes.

    Args:
        codes: h, (S, N, D).
        diverging: Which draws' paths diverged, (S,).
    """

    codes: Float[np.ndarray, "draws frames features"]
    diverging: Bool[np.ndarray, "draws"]


def sample_chains(
    vae: VideoVAE,
    videos: Videos,
    settings: Settings,
    *,
    folder: Path | None = None,
    key: str = "",
    track: Track = untracked,
) -> list[list[Chain]]:
    """Run NUTS on p(h | x) of some clips, global draws integrated out.

    Args:
        vae: The model; it is put into evaluation mode.
        videos: Clips (B, N, C, H, W).
        settings: How long, and how.
        folder: Keeps each chain when it is done, so that an interrupted study goes on; a chain of
            other settings, clips or key is drawn again.
        key: What else a kept chain depends on, such as the run's iteration.
        track: Shows progress, draw by draw.

    Returns:
        For each clip, its chains.

    Raises:
        InputError: Clips of another shape or range.
        NotGaussianPrior: The prior has no Gaussian form; the draw is named.

    Hoffman and Gelman, arXiv:1111.4246; every chain starts from a draw of the guide.
    """
    vae.eval()
    return [
        [
            _kept(
                None if folder is None else folder / f"clip-{clip}-chain-{number}.npz",
                _describe(videos[clip], settings, key),
                lambda clip=clip, number=number: _chain(  # type: ignore[misc]
                    vae, videos[clip : clip + 1], settings, (clip, number), track
                ),
            )
            for number in range(settings.chains)
        ]
        for clip in range(len(videos))
    ]


def _chain(
    vae: VideoVAE, video: Tensor, settings: Settings, numbers: tuple[int, int], track: Track
) -> Chain:
    """One chain, in whitened codes z: h = m + L z."""
    with seeded(settings.seed, *numbers), torch.no_grad():
        loc, scale_tril = _whitening(vae, video, settings.whiten)
        start = LatentPosterior(*gaussian(vae, video)).sample(1)[0, 0].flatten()
        z = torch.linalg.solve_triangular(scale_tril, (start - loc)[:, None], upper=False)[:, 0]
        kernel = NUTS(
            potential_fn=_potential(vae, video, loc, scale_tril),
            max_tree_depth=settings.max_tree_depth,
            full_mass=True,
        )
        title = f"Clip {numbers[0]}, chain {numbers[1]}"
        total = settings.warmup + settings.samples
        ticks = iter(track(range(total), total, title))
        chain = MCMC(
            kernel,
            settings.samples,
            settings.warmup,
            initial_params={"z": z},
            disable_progbar=True,
            hook_fn=lambda *_: next(ticks, None),
        )
        with torch.enable_grad():
            chain.run()
        list(ticks)  # the bar's end
        drawn = loc + chain.get_samples()["z"] @ scale_tril.T
    diverging = np.zeros(settings.samples, bool)
    diverging[chain.diagnostics()["divergences"]["chain 0"]] = True
    return Chain(drawn.unflatten(-1, (-1, vae.num_features)).numpy(force=True), diverging)


def _potential(
    vae: VideoVAE, video: Tensor, loc: Tensor, scale_tril: Tensor
) -> Callable[[dict[str, Tensor]], Tensor]:
    """-log p(x, h) of whitened codes, up to a constant."""
    form, num_frames = vae.model.reader.form(video.shape[1]), video.shape[1]

    def potential(parameters: dict[str, Tensor]) -> Tensor:
        h = (loc + scale_tril @ parameters["z"]).unflatten(-1, (num_frames, -1))[None]
        outputs = vae.model.outputs(h.to(video.dtype))
        # in double, since a step is accepted by a difference of two of them
        likelihood = vae.images.pixels(outputs).log_prob(video).double().sum()
        return -(likelihood + form.log_prob(h)[0])

    return potential


def _whitening(vae: VideoVAE, video: Tensor, whiten: str) -> tuple[Tensor, Tensor]:
    form = vae.model.reader.form(video.shape[1])
    if whiten == "prior":
        return form.loc.flatten(), torch.linalg.cholesky(form.covariance)
    loc, covariance = gaussian(vae, video)
    return loc.flatten(), torch.linalg.cholesky(covariance[0])


@torch.no_grad()
def gaussian(vae: VideoVAE, video: Tensor) -> tuple[Tensor, Tensor]:
    """The guide's mean (1, N, D) and covariance (1, N·D, N·D), in float64."""
    q = vae.guide.posterior(video)
    if isinstance(q, LatentPosterior):
        return q.loc, q.covariance
    return q.loc.double(), torch.diag_embed(q.scale.double().square().flatten(1))


def _describe(video: Tensor, settings: Settings, key: str) -> str:
    import hashlib

    pixels = hashlib.sha256(video.numpy(force=True).tobytes()).hexdigest()
    return json.dumps({**settings.__dict__, "chains": None, "video": pixels, "key": key})


def _kept(path: Path | None, description: str, draw: Callable[[], Chain]) -> Chain:
    """A chain from its file, if that holds what is asked for; drawn and kept otherwise."""
    if path is None:
        return draw()
    found = _read(path, description)
    if found is not None:
        return found
    chain = draw()
    with atomic(path) as temporary, temporary.open("wb") as file:
        text = np.array(description)
        np.savez(file, description=text, codes=chain.codes, diverging=chain.diverging)
    return chain


def _read(path: Path, description: str) -> Chain | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            same = str(file["description"]) == description
            return Chain(file["codes"], file["diverging"]) if same else None
    except Exception as error:  # a damaged archive raises what it likes
        raise InputError(f"{path}: damaged ({type(error).__name__}); remove it") from None
