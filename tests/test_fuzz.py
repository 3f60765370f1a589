"""Whatever a file holds, its reader gives a whole value or one `InputError` that names the file."""

import gzip
import json
import math
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pyro_factor.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from pyro_factor.config import Config, fingerprint, make_config, read_config
from pyro_factor.data.digits import _read_idx
from pyro_factor.errors import InputError
from pyro_factor.evaluation.codes import Split
from pyro_factor.evaluation.leakage import Leakage
from pyro_factor.evaluation.metrics import Disentanglement, Metrics
from pyro_factor.evaluation.results import Judgement, Scores
from pyro_factor.evaluation.scores import Accuracies
from pyro_factor.evaluation.tables import score_listings
from pyro_factor.flags import KEY_VALUES
from pyro_factor.inference.metrics import read_rows

fuzz = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # a folder for all examples
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def damaged(content):
    """The content with a few bytes changed, removed or inserted, or cut off."""

    def change(edits):
        changed = bytearray(content)
        for place, removed, inserted in edits:
            changed[place : place + removed] = inserted
        return bytes(changed)

    places = st.integers(0, len(content))
    edits = st.tuples(places, st.integers(0, 3), st.binary(max_size=3))
    flips = st.tuples(places, st.just(1), st.binary(min_size=1, max_size=1))
    return st.one_of(
        st.lists(flips, min_size=1, max_size=1).map(change),
        st.lists(edits, min_size=1, max_size=3).map(change),
        places.map(lambda size: content[:size]),
    )


@st.composite
def edited(draw, document):
    """A JSON document with one value, however deep, replaced or removed, or one more."""
    document = part = deepcopy(document)
    while True:
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        key = draw(st.sampled_from(keys))
        if not (isinstance(part[key], dict | list) and part[key] and draw(st.booleans())):
            break
        part = part[key]
    change = draw(st.sampled_from(["replace", "remove", "add"]))
    if change == "remove":
        del part[key]
    elif change == "add" and isinstance(part, dict):
        part[draw(st.text(max_size=9))] = draw(documents)
    else:
        part[key] = draw(documents)
    return document


def anything_like(document):
    """Any bytes, any JSON, and the document with errors."""
    content = json.dumps(document, indent=2).encode()
    json_documents = st.one_of(documents, edited(document)).map(json.dumps).map(str.encode)
    return st.one_of(st.binary(), json_documents, damaged(content))


def read(reader, path, content):
    """What a reader makes of a content; None if it refuses it, in one line that names the file."""
    path.write_bytes(content)
    try:
        return reader(path)
    except InputError as error:
        message = str(error)
    assert str(path) in message
    assert message.isprintable()
    assert len(message) < 500
    return None


CONFIG = make_config({}, {"prior_args": {"static": 3, "static_scale": 0.2}}, {})


@given(anything_like(CONFIG.model_dump(mode="json")))
@example(b"[" * 100_000)
@example(b'{"version": 1' + b"0" * 5_000 + b"}")
@example(json.dumps(CONFIG.model_dump(mode="json") | {"\n" * 1_000: 0}).encode())
@fuzz
def test_configurations(tmp_path, content):
    config = read(read_config, tmp_path / "config.json", content)
    if config is not None:
        assert Config.model_validate_json(config.model_dump_json()) == config
        assert len(fingerprint(config)) == 64


TENSORS = {
    "weights.kernel": torch.arange(6.0).view(1, 2, 3),
    "weights.low": torch.ones(2, dtype=torch.bfloat16),
    "weights.count": torch.tensor(3),
    "weights.none": torch.zeros(0, 2),
    "optimiser.kernel.exp_avg": torch.linspace(-1, 1, 6).view(1, 2, 3),
    "pending.loss": torch.zeros(2, dtype=torch.float64),
}
with TemporaryDirectory() as folder:
    write_checkpoint(Path(folder, "whole"), Checkpoint("a run", 4, 1.5, TENSORS))
    WHOLE = Path(folder, "whole").read_bytes()
SIZE = 8 + int.from_bytes(WHOLE[:8], "little")
HEADER = json.loads(WHOLE[8:SIZE])


def with_header(header):
    """The whole checkpoint's tensors under another header."""
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + WHOLE[SIZE:]


@given(st.one_of(damaged(WHOLE), edited(HEADER).map(with_header), st.binary()))
@example(b"\xff" * 8)
@example((2**40).to_bytes(8, "little") + b"{}")
@example((2).to_bytes(8, "little") + b"{}")
@example((100_000).to_bytes(8, "little") + b"[" * 100_000)
@example(WHOLE.replace(b'"4"', b'"9"'))
@example(with_header(HEADER | {"__metadata__": HEADER["__metadata__"] | {"version": "9" * 5_000}}))
@settings(fuzz, max_examples=400)
def test_checkpoints(tmp_path, content):
    checkpoint = read(read_checkpoint, tmp_path / "checkpoint.safetensors", content)
    if checkpoint is None:
        return
    assert (checkpoint.run, checkpoint.iteration, checkpoint.seconds) == ("a run", 4, 1.5)
    assert checkpoint.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert checkpoint.tensors[name].dtype == tensor.dtype
        assert torch.equal(checkpoint.tensors[name], tensor)


DTYPES = [
    *("BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"),
    *("F4", "F6_E2M3", "F6_E3M2", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"),
    *("F16", "BF16", "F32", "F64", "C64"),
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_said_to_be_of_another_type(tmp_path, dtype):
    held = HEADER["weights.kernel"]
    for count in (3, 6, 12, 24, 32, 48):  # of 24 bytes
        header = HEADER | {"weights.kernel": held | {"dtype": dtype, "shape": [count]}}
        assert read(read_checkpoint, tmp_path / "a.safetensors", with_header(header)) is None


ROWS = [
    {"iteration": n, "loss": 2.0, "elbo": -2.0, "terms": {"static": -1.5, "entropy": -0.5}}
    for n in (2, 4, 6)
]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@given(
    st.one_of(
        st.binary(),
        st.lists(documents, max_size=3).map(lines),
        edited(ROWS).map(lines),
        damaged(lines(ROWS)),
    )
)
@example(b"[" * 100_000 + b"\n")
@example(b"1" + b"0" * 5_000 + b"\n")
@example(lines([ROWS[0] | {"loss": 10**400}]))
@fuzz
def test_metrics(tmp_path, content):
    for row in read(read_rows, tmp_path / "metrics.jsonl", content) or []:
        assert isinstance(row["iteration"], int)
        assert all(map(math.isfinite, [row["loss"], row["elbo"], *row["terms"].values()]))


FOUND = Accuracies(0.5, 0.25, 0.125, 0.75, 600)
TOLD = {"label": "static", "chance": 0.1, "everything": 0.5}
METRICS = Metrics(*(0.5 for _ in range(9)), Leakage(0.25, 0.75))
SCORES = Scores(
    data_split="test",
    num_frames=4,
    clips=150,
    seed=0,
    split=Split([0, 1], [2, 3]),
    own_split=True,
    linear=Judgement(FOUND, FOUND, 0.5),
    rbf=Judgement(
        FOUND,
        FOUND,
        0.5,
        {"transfer": (0.4, 0.6), "d_score": (1.0, 2.0)},
        Split([0, 1], [2, 3]),
        Leakage(0.0, 1.0),
    ),
    elbo=-2.0,
    terms={"reconstruction": -1.5, "entropy": -0.5},
    metrics=Disentanglement(METRICS, METRICS),
)


@given(anything_like(SCORES.record()))
@example(json.dumps(SCORES.record()).encode())
@example(json.dumps(SCORES.record() | {"linear": None}).encode())
@example(json.dumps(SCORES.record() | {"split": None}).encode())
@example(json.dumps(SCORES.record() | {"single_label": {"rbf": TOLD}}).encode())
@fuzz
def test_scores(tmp_path, content):
    scores = read(Scores.read, tmp_path / "scores.json", content)
    if scores is not None:
        assert scores.record().keys() == SCORES.record().keys()
        assert scores.linear is None or math.isfinite(scores.d_score)
        score_listings(scores)
        scores.write(tmp_path / "again.json")
        assert asdict(Scores.read(tmp_path / "again.json")) == asdict(scores)


def idx(*shape):
    """Zeros in the idx format."""
    return bytes([0, 0, 8, len(shape)]) + np.array(shape, ">i4").tobytes() + bytes(math.prod(shape))


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("shape", [(), (28, 28)])
@given(data=st.data())
@settings(fuzz, max_examples=60)
def test_idx_files(tmp_path, shape, suffix, data):
    pack = gzip.compress if suffix else bytes
    content = data.draw(
        st.one_of(
            st.binary(),
            damaged(idx(3, *shape)).map(pack),
            damaged(pack(idx(3, *shape))),
            st.just(pack(idx(3, *shape)[:4] + b"\xff" * 12)),
        )
    )
    name = tmp_path / "idx"
    array = read(lambda path: _read_idx(name, *shape), tmp_path / f"idx{suffix}", content)
    if array is not None:
        assert array.shape[1:] == shape
        unpacked = gzip.decompress(content) if suffix else content
        assert unpacked.endswith(array.numpy().tobytes())
        assert len(unpacked) == 8 + 4 * len(shape) + array.numel()


words = st.one_of(
    st.text(max_size=9),
    st.tuples(st.text(max_size=5), scalars | st.floats().map(abs)).map(lambda p: f"{p[0]}={p[1]}"),
)


@given(st.lists(words, max_size=3))
@example(["scale=1" + "0" * 5_000])
@example(["scale=1e999"])
@example(["scale=nan"])
@fuzz
def test_hyperparameters_as_typed(pairs):
    names = [pair.partition("=")[0] for pair in pairs]
    try:
        values = KEY_VALUES.instance_from_str(pairs)
        config = make_config({}, {"prior_args": values}, {})
    except ValueError as error:  # the command line shows it
        message = str(error)
    else:
        assert config.model.prior_args == values
        assert values.keys() == set(names)
        assert all(isinstance(value, bool | int | float | str) for value in values.values())
        return
    assert message.isprintable()
    assert "NAME=VALUE" in message or "finite number" in message
