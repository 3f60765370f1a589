"""Races of estimators on tiny models: what is trained and scored, and what is told of it."""

import csv
import json
import shutil
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import t
from small_runs import FRAMES, SIZE, SMALL, command

from pyro_factor.config import make_config, read_config
from pyro_factor.errors import InputError, TimeUp
from pyro_factor.evaluation.tables import tables
from pyro_factor.files import locked
from pyro_factor.inference import load_run
from pyro_factor.inference.runs import kept_iterations
from pyro_factor.variance import race as module
from pyro_factor.variance import race_report
from pyro_factor.variance.contestants import contestant
from pyro_factor.variance.race import Standing, race, read_standings
from pyro_factor.variance.race_report import COLUMNS, race_figure, race_listings, write_csv

NAMES, SEEDS, POINTS = ("trace:2", "analytic"), (0, 1), (0, 3)
ITERATIONS = 5


def config(prior="factored", **training):
    usual = {"iterations": ITERATIONS, "videos": 4, "log_every": 2, "checkpoint_every": 2}
    return make_config(
        {"num_frames": FRAMES, "image_size": SIZE},
        {"prior": prior, "channels": (4, 8), "hidden": 16},
        usual | training,
    )


def run_race(folder, names=NAMES, seeds=SEEDS, config=config(), **options):  # noqa: B008
    usual = {"points": POINTS, "clips": 30, "progress": False}
    return race(config, folder, names, seeds, **(usual | options))


@pytest.fixture(autouse=True)
def _quick_start(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("race")
    return folder, run_race(folder)


@pytest.fixture
def again(finished, tmp_path):
    """A copy of the finished race's folder."""
    return shutil.copytree(finished[0], tmp_path / "again")


def timeless(standings):
    return [replace(standing, seconds=0.0) for standing in standings]


def places(standings):
    return [(s.estimator, s.seed, s.iteration) for s in standings]


def nothing(*args, **kwargs):
    raise AssertionError("it trained again")


def test_standings_are_there_contestant_by_contestant(finished):
    folder, standings = finished
    expected = [(name, seed, i) for name in NAMES for seed in SEEDS for i in (0, 3, ITERATIONS)]
    assert places(standings) == expected
    assert sorted(places(read_standings(folder))) == sorted(expected)


def test_points_that_were_not_kept_are_said_to_be_lost(again, capsys):
    before = read_standings(again)
    assert len(run_race(again, points=(0, 2, 3))) == len(before)
    told = capsys.readouterr().err
    assert told.count("trained without keeping 2, which can't be scored") == len(NAMES) * len(SEEDS)
    assert read_standings(again) == before


def test_a_standing_has_the_scores_of_the_weights_that_were_kept(finished):
    folder, standings = finished
    for standing in standings:
        assert standing.elbo == pytest.approx(sum(standing.terms.values()))
        assert standing.terms.keys() == {"reconstruction", "entropy", "static", "temporal"}
        assert len(standing.accuracies) == 4
        assert all(0 <= accuracy <= 1 for accuracy in standing.accuracies.values())
        assert standing.diverged is None
    for name in NAMES:
        for seed in SEEDS:
            mine = [s for s in standings if (s.estimator, s.seed) == (name, seed)]
            seconds = [s.seconds for s in mine]
            assert seconds == sorted(seconds)
            place = folder / f"{name.replace(':', '-')}-{seed}"
            assert kept_iterations(place) == [0, 3, ITERATIONS]
            training = read_config(place / "config.json").training
            runner = contestant(name)
            assert (training.elbo, training.particles, training.seed) == (*runner, seed)


def test_contestants_of_a_seed_start_from_the_same_weights(finished):
    _, standings = finished
    starts = [s for s in standings if s.iteration == 0]
    for seed in SEEDS:
        first, second = (replace(s, estimator="") for s in starts if s.seed == seed)
        assert timeless([first]) == timeless([second])
    assert len({s.elbo for s in starts}) == len(SEEDS)
    # and part from one another
    assert len({s.elbo for s in standings if s.iteration == 3}) == len(NAMES) * len(SEEDS)


def test_a_finished_race_trains_and_scores_nothing_again(finished, again, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in again.rglob("*") if path.is_file()}
    monkeypatch.setattr(module, "train_described", nothing)
    monkeypatch.setattr(module, "_score", nothing)
    assert run_race(again) == finished[1]
    assert {p: p.stat().st_mtime_ns for p in again.rglob("*") if p.is_file()} == before


def test_a_part_of_a_race_can_be_asked_for(finished, again, monkeypatch):
    monkeypatch.setattr(module, "train_described", nothing)
    found = run_race(again, ("analytic",), (1,))
    assert places(found) == [("analytic", 1, i) for i in (0, 3, ITERATIONS)]


def test_a_race_may_get_more_contestants_and_the_first_one_named_comes_first(again):
    found = run_race(again, ("path", "analytic"), (0,))
    assert list(dict.fromkeys(s.estimator for s in found)) == ["path", "analytic"]
    assert len(read_standings(again)) == 12 + 3


def test_an_interrupted_race_goes_on_and_ends_the_same(finished, tmp_path, monkeypatch):
    calls = []

    def hurried(config, folder, *, max_minutes, progress):
        calls.append(folder.name)
        hurry = len(calls) == 2
        return module_train(
            config, folder, max_minutes=1e-9 if hurry else max_minutes, progress=progress
        )

    module_train = module.train_described
    monkeypatch.setattr(module, "train_described", hurried)
    with pytest.raises(TimeUp, match=rf"1 of {ITERATIONS} iterations are saved"):
        run_race(tmp_path)
    assert calls == ["trace-2-0", "analytic-0"]
    assert places(read_standings(tmp_path)) == [("trace:2", 0, i) for i in (0, 3, ITERATIONS)]
    found = run_race(tmp_path, max_minutes=5.0)
    assert calls[2:] == ["analytic-0", "trace-2-1", "analytic-1"]
    assert timeless(found) == timeless(finished[1])


def test_what_was_trained_and_not_scored_is_scored(finished, again, monkeypatch):
    path = again / "standings.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:4]))
    assert timeless(run_race(again)) == timeless(finished[1])


def test_no_time_left_says_where_it_stopped(tmp_path):
    with pytest.raises(TimeUp, match=r"The time is up before trace:2, seed 0; call again\."):
        run_race(tmp_path, max_minutes=1e-9)
    assert read_standings(tmp_path) == []


def test_a_run_that_another_process_trains_is_left_out(again, capsys, monkeypatch):
    shutil.rmtree(again / "analytic-1")
    path = again / "standings.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(x for x in lines if '"analytic", "seed": 1' not in x))
    with locked(again / "analytic-1"):
        found = run_race(again)
    assert "Left out: folder: got" in capsys.readouterr().err
    assert len(found) == 9


RATE = {"learning_rate": 1e30}


@pytest.fixture(scope="module")
def lost(tmp_path_factory):
    """A race that everyone loses, before its last point."""
    folder = tmp_path_factory.mktemp("lost")
    return folder, run_race(folder, ("trace",), (0,), config(**RATE), points=(0,))


def test_a_contestant_that_diverges_is_recorded(lost, monkeypatch):
    folder, standings = lost
    start, end = standings
    assert (start.iteration, start.diverged) == (0, None)
    assert start.elbo is not None
    assert (end.elbo, end.d_score, end.terms) == (None, None, None)
    assert "not finite; stopped" in end.diverged
    assert end.iteration < ITERATIONS
    monkeypatch.setattr(module, "train_described", nothing)
    assert run_race(folder, ("trace",), (0,), config(**RATE), points=(0,)) == standings


def test_the_table_names_who_diverged(lost, finished):
    _, end = lost[1]
    table, diverged = race_listings([*finished[1], replace(end, estimator="path", iteration=2)])
    assert table.rows[-1] == ("path", "0", "", "", "", "", "")
    assert diverged.rows == [("path", "0", "2")]
    assert len(race_listings(finished[1])) == 1


def test_a_race_that_all_lose_is_told_and_drawn(lost, tmp_path):
    _, standings = lost
    assert race_listings(standings)[1].rows[0][:2] == ("trace", "0")
    assert race_figure(standings, tmp_path / "race.png").exists()
    # also where there is nothing but the end
    assert race_listings(standings[1:])[1].rows[0][:2] == ("trace", "0")
    assert race_figure(standings[1:], tmp_path / "end.png").exists()


def test_weights_that_are_finite_but_of_no_use_lose_the_race(tmp_path):
    # after the first step they are 1e30, before a loss has told so
    found = run_race(tmp_path, ("analytic",), (0,), config(**RATE), points=(0, 1))
    assert found[0].iteration == 0
    assert found[-1].diverged is not None


@pytest.mark.parametrize(
    ("other", "options"),
    [
        (config("slow"), {}),
        (config(learning_rate=0.5), {}),
        (config(iterations=9), {}),
        (config(), {"clips": 31}),
    ],
    ids=["prior", "schedule", "iterations", "clips"],
)
def test_the_folder_of_another_race_is_refused(again, other, options):
    before = (again / "standings.jsonl").read_bytes()
    with pytest.raises(InputError, match=r"folder: got .*again'; it holds a race of another"):
        run_race(again, config=other, **options)
    assert (again / "standings.jsonl").read_bytes() == before


def test_seed_estimator_and_device_of_the_description_are_the_races_own(finished, again):
    same = config(seed=5, elbo="path", particles=3, keep=(1,), device="cpu")
    assert run_race(again, config=same) == finished[1]


BAD = {
    "no estimators": ({"names": ()}, "estimators: got (); name one or more"),
    "estimator": ({"names": ("trace", "exact")}, "estimators: got 'exact'; choose from analytic"),
    "no particles": ({"names": ("trace:0",)}, "estimators: got 'trace:0'; choose from"),
    "half a particle": ({"names": ("trace:1.5",)}, "estimators: got 'trace:1.5'; choose from"),
    "unknown with particles": ({"names": ("exact:2",)}, "estimators: got 'exact:2'; choose from"),
    "odd pairs": ({"names": ("antithetic:3",)}, "particles: got 3; antithetic draws need an even"),
    "no seeds": ({"seeds": ()}, "seeds: got (); give one or more"),
    "seed": ({"seeds": (0, -1)}, "seeds: got -1; give 0 or more, below 2**64"),
    "large seed": ({"seeds": (0, 2**64)}, f"seeds: got {2**64}; give 0 or more, below 2**64"),
    "point": ({"points": (0, -1)}, "points: got (0, -1); give 0 or more"),
    "clips": ({"clips": 0}, "clips: got 0; give 20 or more"),
    "time": ({"max_minutes": 0.0}, "max_minutes: got 0.0; give a positive number of minutes"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, case):
    options, message = BAD[case]
    with pytest.raises(InputError) as caught:
        run_race(tmp_path / "race", **options)
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "race").exists()


@pytest.mark.parametrize("line", [b"{", b'{"iteration": 3}', b"[1]", b"\xff", b'{"speed": 3}'])
def test_damaged_standings_are_named(again, line):
    path = again / "standings.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    for use in (read_standings, run_race):
        with pytest.raises(InputError, match=r"standings\.jsonl: damaged; a line is not a stand"):
            use(again)


def test_a_race_that_has_not_begun_has_no_standings(tmp_path):
    assert read_standings(tmp_path) == []


def rendered(standings, width=80):
    console = Console(file=StringIO(), width=width)
    console.print(tables(race_listings(standings)))
    return console.file.getvalue()


def cells(text):
    """The rows' cells by their heads, the lines of a cell that is broken joined."""
    found = {}
    for line in text.splitlines():
        if line.startswith("│"):
            name, *others = (part.strip() for part in line.split("│")[1:-1])
            head = name or head
            before = found.get(head, [""] * len(others))
            found[head] = [f"{a} {b}".strip() for a, b in zip(before, others, strict=True)]
    return found


def made(estimator, seed, elbo, d_score, iteration=3_000):
    return Standing(
        estimator, seed, iteration, 120.0 + 60 * seed, elbo, {}, d_score, d_score / 2, {}
    )


ELBOS = {"analytic": [-2991.25, -3012.5, -3003.0], "trace:16": [-3011.5, -3019.0, -3015.75]}
D_SCORES = {"analytic": [0.61, 0.52, 0.57], "trace:16": [0.4, 0.3, 0.44]}
MADE = [
    made(name, seed, ELBOS[name][seed] - (100 if early else 0), D_SCORES[name][seed], i)
    for name in ELBOS
    for seed in range(3)
    for i, early in ((300, True), (3_000, False))
]


def interval(values, spec):
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):{spec}} ± {half:.2g}"


def test_the_table_has_means_and_intervals_at_80_columns():
    text = rendered(MADE)
    assert "After 3,000 iterations: test ELBO" in text
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("analytic's") == 1
    for name, (seeds, elbo, ahead, d_score, d_score_rbf, minutes) in cells(text).items():
        assert (seeds, minutes) == ("3", "3.0")
        assert elbo == interval(ELBOS[name], ".1f")
        assert d_score == interval(D_SCORES[name], ".2f")
        assert d_score_rbf == interval([d / 2 for d in D_SCORES[name]], ".2f")
        # the difference is that of the seeds, pair by pair
        pairs = np.subtract(ELBOS[name], ELBOS["analytic"])
        assert ahead == ("" if name == "analytic" else interval(pairs, "+.1f"))
    assert cells(text).keys() == ELBOS.keys()


def test_seeds_that_only_one_contestant_has_do_not_count_in_the_difference():
    some = [s for s in MADE if not (s.estimator == "analytic" and s.seed == 1)]
    seeds, elbo, ahead, *_ = cells(rendered(some))["trace:16"]
    assert (seeds, elbo) == ("3", interval(ELBOS["trace:16"], ".1f"))
    pairs = np.subtract(ELBOS["trace:16"], ELBOS["analytic"])[[0, 2]]
    assert ahead == interval(pairs, "+.1f")


def test_one_seed_has_no_interval():
    text = rendered([s for s in MADE if s.seed == 0])
    assert "-2991.2" in text
    assert "-20.2" in text
    assert "±" not in text


def test_clips_without_labels_have_no_d_score():
    text = rendered([replace(s, d_score=None, d_score_rbf=None) for s in MADE])
    assert cells(text)["trace:16"][3:5] == ["", ""]


def test_wide_intervals_are_readable():
    wide = [replace(s, elbo=s.elbo - 400 * s.seed) for s in MADE]
    assert "e+" not in rendered(wide)


def test_a_positive_elbo_is_drawn(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(race_report, "save", lambda fig, path: drawn.append(fig) or path)
    positive = [made("analytic", 0, elbo, 0.5, i) for i, elbo in ((0, -10.0), (9, 500.0))]
    for standings in (positive, MADE):
        race_figure(standings, tmp_path)
    first, below = (fig.axes[0] for fig in drawn)
    assert (first.get_yscale(), below.get_yscale()) == ("linear", "log")
    low, high = first.get_ylim()
    assert low < -500 < 10 < high


def test_the_files_of_a_race(finished, tmp_path):
    standings = [*finished[1], Standing("path", 0, 2, 1.5, diverged="it did")]
    path = write_csv(standings, tmp_path / "race.csv")
    with path.open(newline="") as file:
        first, *lines = csv.reader(file)
    assert tuple(first) == COLUMNS
    assert len(lines) == 13
    assert [float(line[4]) for line in lines[:-1]] == [s.elbo for s in finished[1]]
    assert lines[-1] == ["path", "0", "2", "1.5", "", "", ""]
    png, svg = (race_figure(standings, tmp_path / f"race.{suffix}") for suffix in ("png", "svg"))
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()
    assert png.stat().st_size > 10_000


def test_the_command_races(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["race", *SMALL, "--estimators", "analytic", "path:2", "--seeds", 0, "--iterations", 2]
    words += ["--points", 0, "--clips", 30, "--folder", "my race"]
    assert command(*words) == 0
    told = capsys.readouterr().out
    assert "After 2 iterations: test ELBO" in told
    assert "path:2" in told
    for name in ("race.csv", "race.png", "race.svg", "tables.md"):
        assert (tmp_path / "my race" / name).stat().st_size > 100
        assert f"my race/{name}" in told
    assert load_run("my race/path-2-0", iteration=2).config.training.particles == 2
    about = json.loads((tmp_path / "my race/race.json").read_text())
    assert about["clips"] == 30
    assert "root" not in about["data"]
    # again, with nothing left to train
    monkeypatch.setattr(module, "train_described", nothing)
    assert command(*words) == 0


def test_the_command_exits_with_3_when_its_time_is_up(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command("race", *SMALL, "--max-minutes", 1e-9, "--folder", "a") == 3
    assert "The time is up before analytic, seed 0" in capsys.readouterr().err


def test_the_command_tells_of_a_race_that_others_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["race", *SMALL, "--estimators", "analytic", "--seeds", 0, "--iterations", 2]
    with locked(tmp_path / "a/analytic-0"):
        assert command(*words, "--clips", 30, "--folder", "a") in {0, 2}
    assert "Left out: folder: got 'a/analytic-0'; another process" in capsys.readouterr().err
