"""The adapter to ArviZ: groups of named arrays as InferenceData, in memory or in a file."""

import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..data import Clips
from ..errors import InputError, check_seed, require
from ..files import atomic
from ..inference.seeds import forked, seeded
from ..models.video_vae import VideoVAE
from ..models.videos import Videos
from ..track import Track, untracked
from .groups import CHAINS, Group, Sizes, clip_groups, prior_groups

if TYPE_CHECKING:
    import arviz

BATCH = 4  # clips drawn at a time, so that memory does not grow with their number


def posterior_data(
    vae: VideoVAE,
    videos: Videos | Clips,
    *,
    num_samples: int = 500,
    num_images: int = 40,
    seed: int = 0,
    attributes: Mapping[str, Any] | None = None,
) -> "arviz.InferenceData":
    """What the guide believes of some clips, for ArviZ.

    The draws are independent, so that R-hat and the effective sample size say nothing about how
    well the guide fits; Pareto's k of `log_weight` does.

    Args:
        vae: The model; it is put into evaluation mode.
        videos: Clips (B, N, C, H, W) in [0, 1], or labelled ones.
        num_samples: Draws of the codes for each clip, in four chains.
        num_images: Those of them for which frames are drawn too.
        seed: Seed of the draws.
        attributes: More attributes of the groups.

    Returns:
        InferenceData with the groups posterior, prior (of one clip), posterior_predictive,
        prior_predictive, observed_data, log_likelihood (`x` of videos, `x_frame` of frames),
        sample_stats (the ELBO's terms and `log_weight`) and, with labels, constant_data. In nats.

    Raises:
        InputError: A number that is no positive multiple of 4; no clips, or clips of another shape
            or range.
    """
    arviz = import_arviz()
    sizes = check_sizes(num_samples, num_images)
    num_frames = _videos(videos).shape[1]
    parts = list(_batches(vae, videos, sizes, seed))
    groups = {name: _joined([part[name] for part in parts]) for name in parts[0]}
    with forked(seed):
        groups |= prior_groups(vae, num_frames, sizes)
    given = _attributes(seed, attributes)
    data = {name: dataset(group, given) for name, group in groups.items()}
    return arviz.InferenceData(**data)


def import_arviz() -> Any:
    """Import ArviZ, which an extra installs, without its notice about its next version.

    Raises:
        InputError: It is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            import arviz
    except ImportError:
        advice = "pip install 'pyro-factor[posterior]'"
        raise InputError(f"arviz: not installed; {advice}") from None
    return arviz


def write_posterior(
    path: str | Path,
    vae: VideoVAE,
    videos: Videos | Clips,
    *,
    num_samples: int = 500,
    num_images: int = 40,
    seed: int = 0,
    attributes: Mapping[str, Any] | None = None,
    track: Track = untracked,
) -> Path:
    """Write `posterior_data` to a NetCDF file, a few clips at a time.

    `arviz.from_netcdf` reads it back. Memory does not grow with the number of clips.

    Args:
        path: The file.
        vae: As in `posterior_data`.
        videos: As in `posterior_data`.
        num_samples: As in `posterior_data`.
        num_images: As in `posterior_data`.
        seed: As in `posterior_data`.
        attributes: As in `posterior_data`.
        track: Shows progress.

    Returns:
        The file.

    Raises:
        InputError: As `posterior_data` does.
        StorageError: The file can't be written.
    """
    import_arviz()
    import h5netcdf  # type: ignore[import-untyped]

    path, sizes, clips = Path(path), check_sizes(num_samples, num_images), _videos(videos)
    check_seed(seed)
    given = _attributes(seed, attributes)
    with atomic(path) as temporary, h5netcdf.File(temporary, "w") as file:
        with forked(seed):
            for name, group in prior_groups(vae.eval(), clips.shape[1], sizes).items():
                _write(file, name, group, 0, 0, given)
        total, start = len(clips), 0
        number = -(-total // BATCH)
        for part in track(_batches(vae, videos, sizes, seed), number, "Drawing"):
            for name, group in part.items():
                _write(file, name, group, total, start, given)
            start += len(part["observed_data"]["x"][1])
    return path


def _write(
    file: Any, name: str, group: Group, total: int, start: int, attributes: Mapping[str, Any]
) -> None:
    """Write a group's arrays, those of some clips to their place among all."""
    place = file.groups.get(name)
    if place is None:
        place = file.create_group(name)
        place.attrs.update(attributes)
    for variable, (dimensions, values) in group.items():
        sizes = dict(zip(dimensions, values.shape, strict=True))
        if variable not in place.variables:
            for dimension, size in (sizes | ({"video": total} if "video" in sizes else {})).items():
                if dimension not in place.dimensions:
                    place.dimensions[dimension] = size
                    place.create_variable(dimension, (dimension,), data=np.arange(size))
            place.create_variable(variable, dimensions, values.dtype)
        clips = slice(start, start + sizes.get("video", 0))
        where = tuple(clips if d == "video" else slice(None) for d in dimensions)
        place.variables[variable][where] = values


def _batches(
    vae: VideoVAE, videos: Videos | Clips, sizes: Sizes, seed: int
) -> Iterator[dict[str, Group]]:
    """The groups of a few clips after another; each batch's draws have a seed of their own."""
    vae.eval()
    for start in range(0, len(_videos(videos)), BATCH):
        with seeded(seed, start):
            groups = clip_groups(vae, _part(videos, slice(start, start + BATCH)), sizes)
        yield groups


def _part(
    videos: Videos | Clips, where: slice
) -> Float[Tensor, "part frames channels height width"] | Clips:
    return videos[where]


def _videos(videos: Videos | Clips) -> Videos:
    found = videos.videos if isinstance(videos, Clips) else videos
    require(len(found) > 0, "videos", tuple(found.shape), "give one clip or more")
    return found


def _joined(parts: list[Group]) -> Group:
    """The arrays of all clips, put together along the videos."""
    return {
        name: (dims, np.concatenate([part[name][1] for part in parts], dims.index("video")))
        for name, (dims, _) in parts[0].items()
    }


def dataset(group: Group, attributes: Mapping[str, Any]) -> Any:
    """A group of InferenceData, every dimension numbered."""
    import xarray

    sizes = {
        d: n for dims, values in group.values() for d, n in zip(dims, values.shape, strict=True)
    }
    coordinates = {dimension: np.arange(size) for dimension, size in sizes.items()}
    return xarray.Dataset(group, coordinates, attributes)


def check_sizes(
    num_samples: int, num_images: int, names: tuple[str, str] = ("num_samples", "num_images")
) -> Sizes:
    """Raise `InputError` unless draws make four chains, and images are some of them.

    `names` are those that the user knows the two by.
    """
    for name, number in zip(names, (num_samples, num_images), strict=True):
        advice = f"give a positive multiple of {CHAINS}, the number of chains"
        require(number > 0 and number % CHAINS == 0, name, number, advice)
    advice = f"give as many as {names[0]}, or fewer"
    require(num_images <= num_samples, names[1], num_images, advice)
    return Sizes(num_samples, num_images)


def _attributes(seed: int, more: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the groups say of themselves, as a file can hold it."""
    plain = (str, int, float, np.ndarray)
    found = {"seed": seed, **_versions(), **(more or {})}
    return {
        name: v if isinstance(v, plain) and not isinstance(v, bool) else str(v)
        for name, v in found.items()
    }


def _versions() -> dict[str, str]:
    return {
        "inference_library": "pyro-factor",
        "inference_library_version": version("pyro-factor"),
        "pyro_version": version("pyro-ppl"),
        "torch_version": version("torch"),
    }
