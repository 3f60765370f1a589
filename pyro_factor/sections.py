"""The parts of a run's description: data, model and training, each field with its range."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

Size = Annotated[int, Field(gt=0)]
Digits = Literal["embedded", "mnist", "fashion-mnist", "kmnist"]


def _several(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(value)
    return (value,) if isinstance(value, int) else value


def _written(sizes: tuple[int, ...]) -> int | tuple[int, ...]:
    return sizes[0] if len(sizes) == 1 else sizes


# one is written as a number
OneOrMore = Annotated[
    tuple[Size, ...],
    Field(min_length=1),
    BeforeValidator(_several),
    PlainSerializer(_written),
]


class Section(BaseModel):
    """A part of the description: typed strictly, immutable, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataConfig(Section):
    """What the descriptions of all data sets share; `source` says which one it is."""

    source: str
    root: str | None = Field(
        default=None,
        description="Folder of the digits (torchvision's layout; downloads what is absent), of "
        "meshes of chairs, or of clips.",
    )
    split: Literal["train", "validation", "test"] = Field(
        default="train", description="Which digits, chairs or clips."
    )
    num_frames: int = Field(default=16, gt=0, description="Frames in a video.")
    image_size: int = Field(default=64, gt=0, description="Height and width of a frame in pixels.")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a frame."""
        return (1, self.image_size, self.image_size)


class DigitsConfig(DataConfig):
    """The arguments of `BouncingDigits`."""

    source: Digits = Field(
        default="embedded",
        description="Digits (scikit-learn's bundled ones, or torchvision's by name), rotating "
        "chairs, or your own clips.",
    )
    image_size: int = Field(default=64, ge=28, description="Height and width of a frame in pixels.")
    step: float = Field(
        default=0.1, gt=0, le=1, description="Digits: step per frame, a part of the free range."
    )


class ChairsConfig(DataConfig):
    """The arguments of `RotatingChairs`."""

    source: Literal["chairs"]
    num_chairs: int | None = Field(
        default=2_000,
        gt=0,
        description="Chairs: how many are generated, or at most taken from the folder; None for "
        "all of it.",
    )
    num_azimuths: int = Field(default=31, gt=0, description="Chairs: views of a whole turn.")
    elevation: float = Field(
        default=20.0, gt=-90, lt=90, description="Chairs: the camera's elevation, degrees."
    )
    up: str | None = Field(
        default=None, description="Chairs: the meshes' upward axis, such as z; else the layout's."
    )
    facing: str | None = Field(
        default=None, description="Chairs: where the meshes face, such as +x; else the layout's."
    )
    chairs_seed: int = Field(
        default=0, ge=0, lt=2**64, description="Chairs: seed of the generated ones."
    )
    half_step: bool = Field(default=False, description="Chairs: seen from halfway between views.")


class ClipsConfig(DataConfig):
    """The arguments of `VideoClips`."""

    source: Literal["clips"]
    image_channels: Literal[1, 3] = Field(default=1, description="Clips: 1 for grey, 3 for colour.")
    frame_step: int = Field(
        default=1, gt=0, description="Clips: steps in the clip from frame to frame."
    )
    stride: int | None = Field(
        default=None, gt=0, description="Clips: steps from window to window; else no overlap."
    )
    layout: Literal["videos-first", "frames-first"] | None = Field(
        default=None, description="Clips: which axis of an array comes first."
    )
    labels: str | None = Field(
        default=None, description="Clips: a CSV of labels; else labels.csv in their folder."
    )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a frame."""
        return (self.image_channels, self.image_size, self.image_size)


DATASETS: Mapping[str, type[DataConfig]] = MappingProxyType(
    dict.fromkeys(get_args(Digits), DigitsConfig) | {"chairs": ChairsConfig, "clips": ClipsConfig}
)


class ModelConfig(Section):
    """The arguments of `VideoVAE`, the prior by reference."""

    prior: str = Field(
        default="factored",
        description="factored, slow, independent, of the gallery, or your own: FILE.py:FUNCTION.",
    )
    prior_args: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Hyperparameters of the prior: static=4 static_scale=0.2."
    )
    prior_sha256: str | None = Field(default=None, description="Checksum of the prior's file.")
    beta: float = Field(default=1.0, gt=0, description="Weight of the KL term (eq. 5).")
    guide: Literal["independent", "smoothing", "shuffling"] = Field(
        default="independent",
        description="A Normal for every frame (eq. 12), these combined with the prior, or these "
        "with static codes that are exchanged within a clip in training.",
    )
    channels: tuple[Size, ...] = Field(
        default=(16, 32, 64, 128),
        min_length=1,
        description="Channels of the encoder's layers (table 4).",
    )
    hidden: int = Field(
        default=256, gt=0, description="Units of the dense hidden layer (tables 4, 5)."
    )
    frequencies: int = Field(
        default=0,
        ge=0,
        description="Octaves of sines and cosines of the code that the decoder gets; 6 lets it "
        "learn fine detail sooner.",
    )
    glimpse: int = Field(
        default=0,
        ge=0,
        description="Pixels across the window that encoder and decoder see and draw, wherever it "
        "lies; 0 for the whole frame.",
    )
    pixels: Literal["bernoulli", "gaussian"] = Field(
        default="bernoulli", description="Distribution of a pixel."
    )
    pixel_scale: float = Field(
        default=0.1, gt=0, description="Standard deviation of a Gaussian pixel."
    )
    networks: Literal["paper", "custom"] = Field(
        default="paper", description="Custom ones need vae=."
    )


class TrainingConfig(Section):
    """The optimiser and its schedule; the defaults are the paper's."""

    iterations: int = Field(default=30_000, gt=0, description="Steps of the optimiser.")
    videos: int = Field(default=64, gt=0, description="Videos in a batch.")
    every: OneOrMore = Field(
        default=(1,),
        description="Train on every so many-th frame, under the prior's marginal; of several "
        "numbers each in its turn.",
    )
    elbo: Literal["analytic", "trace", "path", "antithetic", "sobol"] = Field(
        default="analytic", description="Estimator of the ELBO."
    )
    particles: int = Field(default=1, gt=0, description="Monte-Carlo samples for each gradient.")
    learning_rate: float = Field(
        default=1e-3, gt=0, description="Adam's learning rate at the start."
    )
    decay: float = Field(default=0.1, gt=0, le=1, description="Factor on the learning rate ...")
    decay_every: int = Field(
        default=10_000, gt=0, description="... applied every so many iterations."
    )
    orthogonality: float = Field(
        default=0.0, ge=0, description="Weight of a penalty on the factors' correlations."
    )
    orthogonality_of: Literal["factors", "features"] = Field(
        default="factors", description="... or of single features, also of one factor."
    )
    persistence: float = Field(
        default=0.0,
        ge=0,
        description="Weight of a penalty on what ht keeps from one frame of a clip to another.",
    )
    persistence_order: int = Field(
        default=1, ge=1, le=6, description="Products of up to so many features of ht count in it."
    )
    persistence_memory: int = Field(
        default=1, ge=1, description="Steps whose covariances count in it; 1 for the batch alone."
    )
    persistence_at: Literal["largest", "all"] = Field(
        default="largest",
        description="At which of several distances of frames (--every 1 2 4) it counts.",
    )
    warm_up: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict,
        description="Iterations in which the weight of a factor's KL rises from 0 to β: hs=4000.",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**64, description="Seed of weights, clips and latent draws."
    )
    device: str = Field(default="auto", min_length=1, description="auto, cpu, cuda or cuda:N.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="bfloat16 autocast: auto uses it where the hardware has it."
    )
    deterministic: bool = Field(
        default=False, description="On a GPU, the same bits every time, more slowly."
    )
    cuda_graph: bool = Field(
        default=False, description="On a GPU, launch every step as one, without its Python."
    )
    checkpoint_every: int = Field(
        default=1_000, gt=0, description="Iterations between checkpoints."
    )
    log_every: int = Field(
        default=50, gt=0, description="Iterations that a row of metrics averages."
    )
    keep: Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_several)] = Field(
        default=(), description="Iterations whose weights are kept: 0 10 100 1000."
    )
