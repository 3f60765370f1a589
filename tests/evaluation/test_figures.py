"""What figures show, rather than their pixels."""

import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from small_runs import small_data, small_run

from pyro_factor.errors import InputError
from pyro_factor.evaluation import evaluate, figures
from pyro_factor.evaluation.animations import (
    MILLISECONDS,
    interpolation_animation,
    save_animation,
    swap_animation,
    tile,
)
from pyro_factor.evaluation.figures import ANIMATIONS, FIGURES
from pyro_factor.evaluation.gather import evaluating
from pyro_factor.evaluation.identities import with_identities
from pyro_factor.evaluation.interpolation import interpolate, interpolation_figure
from pyro_factor.evaluation.label_map import labels_figure
from pyro_factor.evaluation.pictures import (
    examples_figure,
    reconstruction_figure,
    swap_figure,
)
from pyro_factor.evaluation.plots import codes_figure, plane, scores_figure, training_figure
from pyro_factor.evaluation.report_figures import curves_figure
from pyro_factor.evaluation.results import Scores, find_scores
from pyro_factor.evaluation.style import plain, save
from pyro_factor.evaluation.swaps import exchanged
from pyro_factor.inference.metrics import Metrics
from pyro_factor.inference.runs import metrics_path
from pyro_factor.models import VideoVAE, priors


def write_metrics(run):
    """Two rows of training metrics, as training writes them."""
    metrics = Metrics(metrics_path(run.folder), log_every=1, iteration=0, pending={})
    for step in (1.0, 2.0):
        terms = {"reconstruction": torch.tensor(-3 / step), "static": torch.tensor(-step)}
        metrics.record(terms | {"loss": torch.tensor(step), "gradient": torch.tensor(step)})
        metrics.flush(learning_rate=1e-3, seconds=step)
    return [json.loads(line) for line in metrics.path.read_text(encoding="utf-8").splitlines()]


def test_swap_by_hand():
    h = torch.tensor([[[1, 2, 3], [10, 20, 30]], [[4, 5, 6], [40, 50, 60]]]).float()
    expected = [[[10, 2, 30], [1, 20, 3]], [[40, 5, 60], [4, 50, 6]]]
    assert exchanged(h, h.flip(1), [0, 2]).tolist() == expected
    assert h[0, 0].tolist() == [1, 2, 3]  # a copy


def test_swap_with_frames_undoes_itself():
    h = torch.randn(3, 2, 5, 4)
    swapped = exchanged(h, h.flip(1), [1])
    assert torch.equal(swapped[:, 0, :, 1], h[:, 1, :, 1])
    assert torch.equal(swapped[..., [0, 2, 3]], h[..., [0, 2, 3]])
    assert torch.equal(exchanged(swapped, swapped.flip(1), [1]), h)


def test_swap_figure_shows_the_same_codes_for_a_seed(run):
    def pixels(seed):
        fig = swap_figure(run.vae, seed, pairs=2)
        return [np.asarray(axes.images[0].get_array()) for axes in fig.axes]

    first, again, other = pixels(0), pixels(0), pixels(1)
    assert len(first) == 4
    assert all(map(np.array_equal, first, again))
    assert not all(map(np.array_equal, first, other))


def test_reconstruction_figure_shows_clips_above_decoded_means(run):
    videos = torch.rand(2, 4, 1, 16, 16)
    fig = reconstruction_figure(run.vae, videos, max_frames=2)
    assert [axes.get_ylabel() for axes in fig.axes] == ["clip", "decoded"] * 2
    shown = np.asarray(fig.axes[2].images[0].get_array())
    assert shown.shape == (16, 2 * 16 + 2, 3)
    assert shown[:, :16, 0] == pytest.approx(videos[1, 0, 0].numpy())
    assert shown[:, 18:, 0] == pytest.approx(videos[1, 3, 0].numpy())


def test_plane_keeps_two_features_and_counts_frames_for_one():
    codes = np.random.default_rng(0).normal(size=(6, 5, 2))
    assert plane(codes) is codes
    assert plane(codes[..., :1])[3].tolist() == [[i, codes[3, i, 0]] for i in range(5)]


def test_tsne_of_more_features_keeps_neighbours():
    generator = np.random.default_rng(0)
    centres = np.eye(4)[:3, None] * 20
    codes = centres + generator.normal(size=(3, 20, 4))
    shown = plane(codes)
    assert shown.shape == (3, 20, 2)
    assert np.array_equal(shown, plane(codes))
    spread = np.linalg.norm(shown - shown.mean(1, keepdims=True), axis=-1).mean()
    between = np.linalg.norm(shown.mean(1) - shown.mean(1)[[1, 2, 0]], axis=-1)
    assert between.min() > 3 * spread
    with pytest.raises(InputError, match="5 frames or more"):
        plane(np.ones((1, 4, 3)))


def test_codes_figure_has_a_panel_per_factor_and_a_path_per_video():
    codes = np.random.default_rng(0).normal(size=(6, 5, 5))
    fig = codes_figure(codes, {"hs": [0, 1], "ht": [2, 3, 4]})
    static, temporal = fig.axes
    assert static.get_title() == "hs"
    assert "t-SNE of 3 features" in temporal.get_title()
    paths = [line.get_xydata() for line in static.lines if len(line.get_xdata()) > 1]
    assert np.array_equal(paths, codes[..., :2])


@pytest.mark.parametrize("classes", [3, 31])
def test_labels_figure_has_a_panel_for_each_part_and_label(classes):
    codes = np.random.default_rng(0).normal(size=(6, 5, 5))
    static = np.arange(6)[:, None].repeat(5, 1) % 3
    temporal = np.random.default_rng(1).integers(classes, size=(6, 5))
    parts, labels = {"static": [1, 0], "temporal": [2, 3, 4]}, {"static": static, "x": temporal}
    fig = labels_figure(codes, parts, labels)
    titles = [axes.get_title() for axes in fig.axes]
    assert titles[:2] == ["static features\nby static label", "static features\nby x label"]
    assert titles[3] == "temporal features: t-SNE of 3 features\nby x label"
    for axes, label in zip(fig.axes[:2], labels.values(), strict=True):
        (points,) = axes.collections
        assert np.array_equal(points.get_offsets(), codes[..., [1, 0]].reshape(-1, 2))
        assert np.array_equal(points.get_array(), label.ravel())
    names = [text.get_text() for text in fig.axes[2].get_legend().get_texts()]
    assert [int("".join(filter(str.isdigit, name))) for name in names] == [0, 1, 2]
    assert fig.axes[0].get_legend() is None


def test_classes_that_have_names_are_called_by_them():
    codes = np.random.default_rng(0).normal(size=(4, 2, 2))
    labels = {
        "static": np.array([[0, 0], [2, 2], [2, 2], [3, 3]]),
        "temporal": np.eye(4, 2, dtype=int),
    }
    names = {"static": ["$walk$", "absent", "x" * 40, "_run"]}
    fig = labels_figure(codes, {"all": [0, 1]}, labels, names)
    fig.canvas.draw()  # no sign of a name is taken for mathematics
    shown, numbered = ([t.get_text() for t in a.get_legend().get_texts()] for a in fig.axes)
    assert shown == [plain("$walk$"), "x" * 23 + "…", plain("_run")]
    assert [text.strip("$").split("{")[-1].strip("}") for text in numbered] == ["0", "1"]
    static, temporal = (axes.get_legend() for axes in fig.axes)
    assert (static._ncols, temporal._ncols) == (1, 5)


def test_classes_that_colours_cannot_tell_apart_keep_their_numbers():
    classes = np.arange(12)[:, None].repeat(2, 1)
    names = [f"class {number}" for number in range(12)]
    codes = np.random.default_rng(0).normal(size=(12, 2, 2))
    fig = labels_figure(codes, {"all": [0, 1]}, {"static": classes}, {"static": names})
    texts = fig.axes[0].get_legend().get_texts()
    assert all("class" not in text.get_text() for text in texts)
    assert all(text.get_parse_math() for text in texts)  # as which the numbers are written


def test_samples_are_decoded_draws_of_the_prior(run):
    def pixels(fig):
        return [np.asarray(axes.images[0].get_array()) for axes in fig.axes]

    drawn = pixels(FIGURES["samples"](run, 3))
    with evaluating(run.vae, 3):
        expected = pixels(examples_figure(run.vae.decode(run.vae.sample_prior(4))))
    assert all(np.array_equal(a, b) for a, b in zip(drawn, expected, strict=True))
    assert not np.array_equal(drawn[0], pixels(FIGURES["samples"](run, 4))[0])


def test_training_figure_draws_the_rows(run):
    rows = write_metrics(run)
    panels = {axes.get_title(): axes.lines[0] for axes in training_figure(rows).axes}
    assert list(panels) == ["ELBO", "reconstruction", "static"]
    assert panels["ELBO"].get_xydata().tolist() == [[1, -4], [2, -3.5]]
    assert panels["static"].get_ydata().tolist() == [-1, -2]


def test_training_figure_leaves_the_steep_start_out_of_its_range():
    rows = [{"iteration": i, "elbo": -1e6 if i == 0 else -10 + i, "terms": {}} for i in range(10)]
    (axes,) = training_figure(rows).axes
    low, high = axes.get_ylim()
    assert -11 < low < -9 < -1 < high < 1
    drawn = {tuple(point) for line in axes.lines for point in line.get_xydata()}
    assert drawn == {(row["iteration"], row["elbo"]) for row in rows}


def test_scores_figure_holds_features_by_labels(run):
    scores = evaluate(run, clips=60, progress=False)
    linear, ceiling, *_ = scores_figure(scores).axes
    found = scores.linear.accuracies
    assert linear.images[0].get_array().tolist() == [
        [found.static_static, found.static_temporal],
        [found.temporal_static, found.temporal_temporal],
    ]
    assert f"{scores.linear.ceiling.d_score:.2f}" in ceiling.get_title()


def test_interpolation_is_linear_and_leaves_the_other_columns():
    start, end = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    path = interpolate(start, end, [1, 3], steps=5)
    assert path.shape == (3, 5, 4)
    assert torch.equal(path[..., [0, 2]], start[:, None, [0, 2]].expand(-1, 5, -1))
    moved = path[..., [1, 3]]
    assert torch.equal(moved[:, 0], start[:, [1, 3]])
    assert moved[:, -1].numpy() == pytest.approx(end[:, [1, 3]].numpy())
    steps = moved.diff(dim=1)
    assert steps.numpy() == pytest.approx(steps[:, :1].expand_as(steps).numpy())


def test_identities_share_a_motion_and_keep_their_static_codes():
    h = torch.randn(2, 5, 4)
    codes = with_identities(h, [0, 1])
    assert torch.equal(codes[..., 2:], h[:1, :, 2:].expand(2, -1, -1))
    assert torch.equal(codes[..., :2], h[..., :2].mean(1, keepdim=True).expand(-1, 5, -1))


def test_interpolation_figure_has_a_row_for_each_pair(run):
    fig = interpolation_figure(run.vae, torch.rand(4, 4, 1, 16, 16), [0], "static")
    assert [axes.get_ylabel() for axes in fig.axes] == ["pair 1", "pair 2"]
    assert np.asarray(fig.axes[0].images[0].get_array()).shape == (16, 10 * 18 - 2, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_are_where_they_belong(channels):
    images = torch.rand(2, 3, 4, channels, 5, 6)
    pictures = tile(images)
    assert pictures.shape == (2, 3 * 12 - 2, 4 * 14 - 2, 3)
    part = pictures[1, 24 : 24 + 10 : 2, 14 : 14 + 12 : 2]
    expected = (255 * images[1, 2, 1]).round().expand(3, -1, -1).movedim(0, -1)
    assert np.array_equal(part, expected.byte().numpy())
    assert (pictures[:, 10:12] == 255).all()


def test_the_swap_moves_as_the_codes_say(run):
    videos = torch.rand(4, 4, 1, 16, 16)
    pictures = swap_animation(run.vae, videos, run.vae.factors["hs"])
    assert pictures.shape == (4, 3 * 34 - 2, 4 * 34 - 2, 3)
    clip = pictures[2, 0:32:2, 34 : 34 + 32 : 2, 0]
    assert np.array_equal(clip, (255 * videos[1, 2, 0]).round().byte().numpy())
    # nothing swapped: the lower row is the one above
    same = swap_animation(run.vae, videos, [])
    assert np.array_equal(same[:, 34:66], same[:, 68:100])


def test_an_interpolation_comes_back_and_is_kept_as_a_gif(run, tmp_path):
    factors = run.vae.factors
    videos = torch.rand(2, 4, 1, 16, 16)
    pictures = interpolation_animation(run.vae, videos, [factors["hs"], factors["ht"]], steps=6)
    assert len(pictures) == 10
    assert np.array_equal(pictures[1], pictures[-1])
    with Image.open(save_animation(pictures, tmp_path / "a.gif")) as gif:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
        assert sum(durations) == 10 * MILLISECONDS  # pictures that are alike are one, shown longer
        assert gif.info["loop"] == 0


def test_figures_of_a_run_and_what_is_left_out(run):
    said = []
    written = figures(run, say=said.append)
    names = {path.stem for path in written}
    assert names == {*FIGURES, *ANIMATIONS} - {"training", "scores"}
    assert said == [
        "training: there is no metrics.jsonl yet; train the run first",
        "scores: there is no scores.json yet; evaluate the run first",
    ]
    evaluate(run, clips=60, progress=False)
    write_metrics(run)
    said.clear()
    written = figures(run, say=said.append)
    expected = [f"{name}{kind}" for name in FIGURES for kind in (".png", ".svg")]
    assert [path.name for path in written] == expected + [f"{name}.gif" for name in ANIMATIONS]
    assert not said
    assert sorted(written) == sorted((run.folder / "figures").iterdir())
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".gif": b"GIF89a"}
    assert all(path.read_bytes().startswith(starts[path.suffix]) for path in written)


def test_a_figure_is_the_same_file_again(run):
    first = {path: path.read_bytes() for path in figures(run, say=str)}
    assert {path: path.read_bytes() for path in figures(run, say=str)} == first


def test_swap_figure_of_a_prior_without_a_split_needs_scores(baseline):
    said = []
    assert "swap" not in [path.stem for path in figures(baseline, say=said.append)]
    assert said[0] == "swap: there is no scores.json yet; evaluate the run first"
    evaluate(baseline, clips=150, progress=False)
    assert "swap" in [path.stem for path in figures(baseline, say=said.append)]


def test_a_figure_that_fails_leaves_the_old_file(tmp_path):
    class Broken:
        def savefig(self, path, format, metadata):
            path.write_bytes(b"half")
            raise OSError

    path = tmp_path / "a.png"
    path.write_bytes(b"whole")
    with pytest.raises(OSError):  # noqa: PT011
        save(Broken(), path)
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_model_of_single_frames_shows_the_clips_it_was_scored_on(tmp_path):
    run = small_run(
        tmp_path / "run",
        VideoVAE(priors.independent, 1, image_shape=(1, 32, 32), channels=(4, 8), hidden=16),
        4,
        data=small_data().replace(num_frames=1),
    )
    said = []
    names = {path.name for path in figures(run, say=said.append)}
    assert "swap-clips.gif" not in names
    assert any("single frames" in line for line in said)
    for frames in (6, 1):  # also where its own frames were scored
        evaluate(run, num_frames=frames, clips=100, progress=False)
    names = {path.name for path in figures(run, say=str)}
    assert {"swap-clips.gif", "identities.png", "codes.svg"} <= names
    with Image.open(run.folder / "figures" / "swap-clips.gif") as gif:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert sum(durations) == 6 * MILLISECONDS
    for own_first, frames in ((True, 1), (False, 6)):
        assert Scores.read(find_scores(run.folder, own_first=own_first)).num_frames == frames


@pytest.mark.parametrize("noise", [0.0, 1e-17, 1e-30])
def test_codes_that_are_all_the_same_are_one_point(noise):
    codes = 1.0 * (noise == 1e-17) + noise * np.random.default_rng(0).normal(size=(6, 4, 3))
    shown = plane(codes)
    assert shown.shape == (6, 4, 2)
    assert (shown == shown[0, 0]).all()


def test_a_users_names_are_no_mathematics_and_stand_in_the_legend(tmp_path):
    rows = [{"iteration": float(i), "elbo": float(i)} for i in range(3)]
    fig = curves_figure({"lr_$1e-3_$x": rows, "_hidden": rows})
    texts = [text.get_text().strip("\u200b") for text in fig.axes[0].get_legend().get_texts()]
    assert texts == [r"lr_\$1e-3_\$x", "_hidden"]
    assert save(fig, tmp_path / "curves.png").exists()


def test_a_seed_out_of_range_is_named(run):
    with pytest.raises(InputError, match="seed: got -1; give 0 or more"):
        figures(run, seed=-1)
