"""The guide's draws as ArviZ's InferenceData, in memory and in a file."""

import math
from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from small_runs import FRAMES, SIZE, small_data, small_run, small_vae

from pyro_factor import VideoVAE, gallery, priors
from pyro_factor.errors import InputError
from pyro_factor.models import GaussianRandomWalk
from pyro_factor.posterior.calibration import calibrate
from pyro_factor.posterior.inference_data import import_arviz, posterior_data, write_posterior
from pyro_factor.posterior.inspect import inspect
from pyro_factor.posterior.report import posterior_figures

az = import_arviz()
DRAWS = {"num_samples": 40, "num_images": 8}


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return small_vae(beta=2.0)


@pytest.fixture(scope="module")
def clips():
    return small_data().batch(6, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def data(vae, clips):
    return posterior_data(vae, clips, **DRAWS)


def test_names_shapes_and_coordinates(data, clips):
    assert set(data.groups()) == {
        "posterior",
        "posterior_predictive",
        "log_likelihood",
        "sample_stats",
        "prior",
        "prior_predictive",
        "observed_data",
        "constant_data",
    }
    posterior = data.posterior
    assert dict(posterior.sizes) == {
        "chain": 4,
        "draw": 10,
        "video": 6,
        "frame": FRAMES,
        "static_feature": 2,
        "temporal_feature": 2,
    }
    assert posterior.hs0.dims == ("chain", "draw", "video", "static_feature")
    assert posterior.hs.dims == ("chain", "draw", "video", "frame", "static_feature")
    assert data.prior.ht.dims == ("chain", "draw", "frame", "temporal_feature")
    image = ("frame", "channel", "height", "width")
    assert data.posterior_predictive.x.dims == ("chain", "draw", "video", *image)
    assert data.posterior_predictive.x.shape == (4, 2, 6, FRAMES, 1, SIZE, SIZE)
    assert set(np.unique(data.prior_predictive.x)) <= {0, 1}
    np.testing.assert_array_equal(data.observed_data.x, clips.videos)
    np.testing.assert_array_equal(data.constant_data.static_label, clips.static)
    assert data.constant_data.position.dims == ("video", "frame", "axis")
    assert data.posterior.attrs["inference_library"] == "pyro-factor"
    assert data.posterior.attrs["seed"] == 0


def test_likelihoods_and_terms_add_up(data):
    likelihood, stats = data.log_likelihood, data.sample_stats
    np.testing.assert_allclose(likelihood.x_frame.sum("frame"), likelihood.x, rtol=1e-6)
    np.testing.assert_allclose(likelihood.x, stats.reconstruction)
    total = stats.reconstruction + stats.entropy + stats.static + stats.temporal
    np.testing.assert_allclose(stats.log_weight, total, rtol=1e-5)


def test_terms_are_densities_of_the_draws(vae, clips, data):
    """log p(h) by the prior's form, log q(h) by the encoder's Normals."""
    posterior = data.posterior
    h = np.concatenate([posterior.hs.values, posterior.ht.values], -1)
    h = torch.from_numpy(h).double()
    form = vae.model.reader.form(FRAMES)
    prior = data.sample_stats.static + data.sample_stats.temporal
    np.testing.assert_allclose(prior, form.log_prob(h).detach(), rtol=1e-3)
    with torch.no_grad():
        q = vae.encode(clips.videos)
        entropy = -q.log_prob(h.float()).sum((-2, -1))
    np.testing.assert_allclose(data.sample_stats.entropy, entropy, rtol=1e-3, atol=1e-2)


def test_the_centre_is_drawn_from_its_conditional(vae, clips):
    drawn = posterior_data(vae, clips.videos[:1], num_samples=4_000, num_images=4).posterior
    hs, hs0 = drawn.hs.values.reshape(-1, FRAMES, 2), drawn.hs0.values.reshape(-1, 2)
    # p(hs0 | hs) = N( Σ hs_i / (N + σs²), σs² / (N + σs²) )
    z = (hs0 - hs.sum(1) / (FRAMES + 0.01)) / math.sqrt(0.01 / (FRAMES + 0.01))
    # five standard errors: a chance of 2e-6 in all
    assert np.abs(z.mean(0)).max() < 5 / math.sqrt(4_000)
    assert np.abs(z.std(0) - 1).max() < 5 / math.sqrt(8_000)


def test_a_file_holds_the_same(tmp_path, vae, clips, data):
    path = write_posterior(tmp_path / "posterior.nc", vae, clips, **DRAWS)
    read = az.from_netcdf(path)
    assert set(read.groups()) == set(data.groups())
    for group in data.groups():
        for name, array in data[group].variables.items():
            assert read[group][name].dims == array.dims
            np.testing.assert_array_equal(read[group][name], array)
        assert read[group].attrs["inference_library"] == "pyro-factor"
    assert [p.name for p in tmp_path.iterdir()] == ["posterior.nc"]


def test_a_clips_draws_do_not_depend_on_how_many_follow(vae, clips, data):
    fewer = posterior_data(vae, clips.videos[:4], **DRAWS)
    np.testing.assert_array_equal(fewer.posterior.hs, data.posterior.hs[:, :, :4])
    assert "constant_data" not in fewer.groups()


def test_memory_does_not_grow_with_the_videos(tmp_path, vae, monkeypatch):
    from pyro_factor.posterior import inference_data as module

    largest = []
    original = module.clip_groups

    def watched(vae, clips, sizes):
        groups = original(vae, clips, sizes)
        largest.append(sum(a.nbytes for group in groups.values() for _, a in group.values()))
        return groups

    monkeypatch.setattr(module, "clip_groups", watched)
    for number in (4, 12):
        videos = torch.zeros(number, FRAMES, 1, SIZE, SIZE)
        write_posterior(tmp_path / f"{number}.nc", vae, videos, num_samples=8, num_images=4)
    assert len(largest) == 4
    assert len(set(largest)) == 1


# what ArviZ 0.23 still asks of matplotlib and pandas
ITS_OWN = pytest.mark.filterwarnings(
    "ignore::matplotlib.MatplotlibDeprecationWarning", "ignore:The inplace keyword:Warning"
)


@ITS_OWN
def test_arviz_takes_it(data):
    summary = az.summary(data, var_names=["hs0"])
    assert len(summary) == 12
    assert az.hdi(data, var_names=["hs"]).hs.shape == (6, FRAMES, 2, 2)
    few = {"video": [0], "static_feature": [0, 1]}
    plots = [
        az.plot_forest(data, var_names=["hs0"], combined=True),
        az.plot_posterior(data, var_names=["hs0"], coords=few),
        az.plot_pair(data, var_names=["hs0"], coords=few),
        az.plot_ppc(data, var_names=["x"], num_pp_samples=3),
    ]
    for plot in plots:
        np.ravel(plot)[0].figure.clear()


@ITS_OWN
def test_arviz_compares_models_frame_by_frame(vae, clips, data):
    """What `x_frame` is for; of a model at fresh weights Pareto's k warns, as it must."""
    other = posterior_data(small_vae(priors.slow), clips, **DRAWS)
    with pytest.warns(UserWarning, match="shape parameter of Pareto distribution"):
        table = az.compare({"factored": data, "slow": other}, var_name="x_frame")
    assert set(table.index) == {"factored", "slow"}


def uneven(num_frames):
    """A centre of one feature, and static codes of two."""
    hs0 = pyro.sample("hs0", dist.Normal(0.0, 1.0).expand([1]).to_event(1))
    loc = hs0.unsqueeze(-2) + torch.zeros(num_frames, 2)
    return pyro.sample("hs", dist.Normal(loc, 0.1).to_event(2))


PRIORS = {
    "slow": (priors.slow, {"ht": ("frame", "temporal_feature")}),
    "independent": (priors.independent, {"h": ("frame", "h_feature")}),
    "laplace": (gallery.laplace_walk, {"ht_0": ("temporal_feature",)}),
    "by frame": (
        partial(gallery.factored_by_frame, static=1, temporal=1),
        {"hs_0": ("static_feature",), "ht_3": ("temporal_feature",)},
    ),
    "features first": (partial(gallery.gp_rbf, features=2), {"ht": ("temporal_feature", "frame")}),
    "as many features as frames": (
        partial(gallery.gp_rbf, features=FRAMES),
        {"ht": ("temporal_feature", "frame")},
    ),
    "uneven": (uneven, {"hs0": ("hs0_feature",), "hs": ("frame", "hs_feature")}),
    "groups": (gallery.groups, {"hs0": ("hs0_axis_0", "static_feature")}),
}


@pytest.mark.parametrize("name", PRIORS)
def test_other_priors(name):
    prior, expected = PRIORS[name]
    vae = small_vae(prior)
    data = posterior_data(vae, torch.zeros(2, FRAMES, 1, SIZE, SIZE), num_samples=4, num_images=4)
    for site, dims in expected.items():
        assert data.posterior[site].dims == ("chain", "draw", "video", *dims)
        assert data.prior[site].dims == ("chain", "draw", *dims)


def test_frames_are_those_of_the_codes_of_their_chain_and_draw(clips):
    vae = small_vae(pixels="gaussian", pixel_scale=1e-6)
    data = posterior_data(vae, clips, **DRAWS)
    for drawn, pixels in (
        (data.posterior, data.posterior_predictive.x),
        (data.prior, data.prior_predictive.x),
    ):
        h = np.concatenate([drawn.hs, drawn.ht], -1)[:, : pixels.sizes["draw"]]
        expected = vae.decode(torch.from_numpy(h)).numpy(force=True)
        np.testing.assert_allclose(pixels, expected, atol=1e-4)


@pytest.mark.parametrize("prior", [partial(gallery.gp_rbf, features=2), gallery.factored_by_frame])
def test_figures_of_draws_that_are_not_frames_by_features(tmp_path, prior):
    run = small_run(tmp_path, small_vae(prior), 1)
    few = {"videos": 2, "num_samples": 4, "num_images": 4, "num_weights": 25, "progress": False}
    found, calibration = inspect(run, **few), calibrate(run.vae, videos=2)
    file = tmp_path / "posterior/posterior.nc"
    drawn = {path.stem for path in posterior_figures(run.vae, file, found, calibration, tmp_path)}
    assert drawn == {"codes", "prior", "pareto", "ranks"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_samples": 6}, "num_samples: got 6; give a positive multiple of 4"),
        ({"num_samples": 0}, "num_samples: got 0"),
        ({"num_images": 2}, "num_images: got 2"),
        ({"num_samples": 8, "num_images": 12}, "num_images: got 12; give as many as"),
    ],
)
def test_bad_numbers_are_named(vae, clips, options, message):
    with pytest.raises(InputError, match=message):
        posterior_data(vae, clips, **options)


def test_attributes_of_any_kind_are_kept_as_words(tmp_path, vae, clips):
    given = {"attributes": {"note": None, "folder": tmp_path, "number": 3}, **DRAWS}
    write_posterior(tmp_path / "file.nc", vae, clips, **given)
    for data in (posterior_data(vae, clips, **given), az.from_netcdf(tmp_path / "file.nc")):
        found = data.posterior.attrs
        assert (found["note"], found["folder"], found["number"]) == ("None", str(tmp_path), 3)


def test_no_clips_are_refused(tmp_path, vae, clips):
    none = clips.videos[:0]
    for call in (posterior_data, partial(write_posterior, tmp_path / "file.nc")):
        with pytest.raises(InputError, match=r"videos: got .*; give one clip or more"):
            call(vae, none, **DRAWS)
    assert not list(tmp_path.iterdir())


def turned(num_frames):
    return pyro.sample("ht", GaussianRandomWalk(num_frames, 2, 0.1)).flip(-2)


def grids(num_frames):
    z = pyro.sample("z", dist.Normal(0.0, 1.0).expand([num_frames, 2, 2]).to_event(3))
    return z.flatten(-2)


@pytest.mark.parametrize(
    ("prior", "num_frames", "site", "dims"),
    [
        (turned, 3, "ht", ("ht_axis_0", "temporal_feature")),
        (grids, 3, "z", ("frame", "z_feature", "z_axis_2")),
        (gallery.gp_rbf, 1, "ht", ("temporal_feature", "frame")),
        (gallery.gp_rbf, 3, "ht", ("temporal_feature", "frame")),
    ],
)
def test_axes_have_names_of_their_own(tmp_path, prior, num_frames, site, dims):
    sizes = {"image_shape": (1, SIZE, SIZE), "channels": (4, 8), "hidden": 16}
    model = VideoVAE(prior, num_frames, **sizes).eval()
    videos = torch.rand(2, num_frames, 1, SIZE, SIZE)
    found = posterior_data(model, videos, num_samples=8, num_images=4)
    assert found.posterior[site].dims[3:] == dims
    path = write_posterior(tmp_path / "p.nc", model, videos, num_samples=8, num_images=4)
    xr = az.from_netcdf(path)
    assert xr.posterior[site].dims == found.posterior[site].dims
    az.summary(found)


@pytest.mark.parametrize("name", ["frame", "video", "z/w"])
def test_draws_that_no_group_can_hold_are_named(name):
    model = small_vae(lambda n: pyro.sample(name, dist.Normal(0.0, 1.0).expand([n, 2]).to_event(2)))
    with pytest.raises(
        InputError, match=f"prior: got \"a draw '{name}'\"; a dimension has that name"
    ):
        posterior_data(model, torch.rand(1, FRAMES, 1, SIZE, SIZE), **DRAWS)


def test_what_a_file_can_not_hold_is_written_as_text(tmp_path, vae, clips):
    path = write_posterior(tmp_path / "p.nc", vae, clips[:1], **DRAWS, attributes={"own": True})
    assert az.from_netcdf(path).posterior.attrs["own"] == "True"
    with pytest.raises(InputError, match="seed: got -1"):
        posterior_data(vae, clips, **DRAWS, seed=-1)
