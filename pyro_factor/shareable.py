"""What of a run's description is for others: all but where files lie on one's own machine."""

from pathlib import Path

from .config import Config

SECTIONS = ("data", "model", "training")
PATHS = {("data", "root"), ("data", "labels")}


def without_paths(config: Config) -> Config:
    """The same description, its data to be looked for in the default place."""
    data = dict.fromkeys((key for _, key in PATHS if hasattr(config.data, key)))
    return config.model_copy(update={"data": config.data.model_copy(update=data)})


def prior_name(config: Config) -> str:
    """The prior's name, or its function and the file's name."""
    file, colon, function = config.model.prior.rpartition(":")
    return Path(file).name + colon + function


def entries(config: Config) -> list[tuple[str, str]]:
    """What is set in a description, but for paths, as words: ("model.beta", "4.0") and so on.

    What a run's file doesn't say, being older than an option, isn't told either.
    """
    described = config.model_dump(mode="json", exclude_unset=True)
    described["model"]["prior"] = prior_name(config)
    return [
        (f"{section}.{key}", str(value))
        for section in SECTIONS
        for key, value in described[section].items()
        if value not in (None, [], {}) and (section, key) not in PATHS
    ]
