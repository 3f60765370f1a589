import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pyro_factor import flags
from pyro_factor.config import (
    DATASETS,
    Config,
    DigitsConfig,
    ModelConfig,
    TrainingConfig,
    fingerprint,
    first_difference,
    make_config,
    read_config,
    write_config,
)
from pyro_factor.data.digits import SOURCES, SPLITS
from pyro_factor.errors import InputError

CONFIG = make_config({}, {}, {})


def test_the_defaults_are_the_papers():
    training = CONFIG.training
    assert (training.iterations, training.videos, CONFIG.data.num_frames) == (30_000, 64, 16)
    assert (training.learning_rate, training.decay, training.decay_every) == (1e-3, 0.1, 10_000)


def test_the_data_have_one_list_of_names():
    properties = DigitsConfig.model_json_schema()["properties"]
    assert properties["source"]["enum"] == list(SOURCES)
    assert properties["split"]["enum"] == list(SPLITS)


@pytest.mark.parametrize("source", DATASETS)
def test_each_data_set_has_a_description_of_its_own(tmp_path, source):
    config = make_config({"source": source, "num_frames": 4}, {}, {})
    assert type(config.data) is DATASETS[source]
    write_config(tmp_path / "config.json", config)
    assert read_config(tmp_path / "config.json") == config
    assert flags.describe(flags.RunFlags(**flags.values(config))) == config


def test_data_sets_with_their_defaults_have_checksums_of_their_own():
    found = [fingerprint(make_config({"source": source}, {}, {})) for source in DATASETS]
    assert len(set(found)) == len(found)


def test_another_data_set_is_another_run():
    mnist, clips = (make_config({"source": name}, {}, {}) for name in ("mnist", "clips"))
    assert first_difference(mnist, clips) == "source: the run has 'mnist', not 'clips'"


def test_a_description_is_immutable():
    with pytest.raises(ValidationError):
        CONFIG.training.seed = 3


@given(
    st.builds(
        Config,
        version=st.just(1),
        data=st.builds(DigitsConfig, image_size=st.integers(28, 99), step=st.floats(0.01, 1)),
        model=st.builds(
            ModelConfig,
            prior=st.text(st.characters(codec="utf-8")),
            prior_args=st.dictionaries(
                st.text(st.characters(codec="utf-8")),
                st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
            ),
            beta=st.floats(1e-300, 1e300),
            channels=st.lists(st.integers(1, 9), min_size=1).map(tuple),
        ),
        training=st.builds(TrainingConfig, seed=st.integers(0, 2**64 - 1), videos=st.integers(1)),
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(tmp_path, config):
    write_config(tmp_path / "config.json", config)
    again = read_config(tmp_path / "config.json")
    assert again == config
    kinds = [{k: type(v) for k, v in c.model.prior_args.items()} for c in (config, again)]
    assert kinds[0] == kinds[1]
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


WHOLE = CONFIG.model_dump(mode="json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training": {"iterations": 0}}, "training.iterations: got 0; input should be greater"),
        ({"training": {"videos": "64"}}, "training.videos: got '64'; input should be a valid int"),
        ({"training": {"itertions": 5}}, "training.itertions: got 5; unknown key"),
        ({"data": {"source": "mnist", "num_frames": -1}}, "data.num_frames: got -1"),
        ({"data": {"source": "cifar"}}, "data.source: got 'cifar'; input should be one of emb"),
        ({"data": {"source": "chairs", "step": 0.1}}, "data.step: got 0.1; unknown key"),
        ({"model": {"channels": []}}, "model.channels: got []"),
        ({"model": {"beta": 0}}, "model.beta: got 0"),
        ({"version": 9}, "version: got 9, this pyro-factor reads 1; update"),
    ],
)
def test_a_bad_key_is_named(tmp_path, change, message):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(WHOLE | change))
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert f"{path}: {message}" in str(caught.value)


def test_a_missing_section_is_named(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({k: v for k, v in WHOLE.items() if k != "model"}))
    with pytest.raises(InputError, match=r"config\.json: model: "):
        read_config(path)


def test_what_keeps_a_run_from_going_on():
    def change(**training):
        return make_config({}, {}, training)

    assert first_difference(CONFIG, CONFIG) is None
    assert first_difference(CONFIG, change(iterations=40_000, device="cpu")) is None
    assert "iterations" in first_difference(CONFIG, change(iterations=20_000))
    assert first_difference(CONFIG, change(seed=3)) == "seed: the run has 0, not 3"
    beta = make_config({}, {"beta": 2.0}, {"seed": 3})
    assert first_difference(CONFIG, beta) == "beta: the run has 1.0, not 2.0"
