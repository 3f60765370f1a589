"""KL warm-up by factor, against Gaussian forms and the loss that a weight of zero leaves."""

import json

import example_priors as examples
import pyro
import pyro.distributions as dist
import pytest
import torch
from small_runs import SMALL, command, small_data, small_run, small_vae

from pyro_factor import gallery, gaussian_form, priors
from pyro_factor.config import TrainingConfig
from pyro_factor.errors import InputError
from pyro_factor.inference.trainer import Trainer
from pyro_factor.inference.warm_up import discount, factor_kl, missing_weights
from pyro_factor.models.thinned import thinned, thinned_pair


def normals(num_frames=4, features=4):
    generator = torch.Generator().manual_seed(0)
    loc, scale = torch.randn(2, 5, num_frames, features, dtype=torch.float64, generator=generator)
    return dist.Normal(loc, scale.exp())


def test_the_kl_of_each_factor_is_that_of_its_gaussian():
    vae, q = small_vae(), normals()
    found = factor_kl(vae, q)
    whole = gaussian_form(priors.factored, 4)
    walk = gaussian_form(lambda n: priors.slow(n, 2), 4)
    torch.testing.assert_close(found["ht"], walk.kl(q.loc[..., 2:], q.scale[..., 2:]))
    torch.testing.assert_close(found["hs"] + found["ht"], whole.kl(q.loc, q.scale))


def swinging(num_frames):
    """A prior of one's own, of which no closed form is known."""
    return gallery.factored_autoregressive(num_frames, static_scale=0.3)


@pytest.mark.parametrize("every", [1, 3])
def test_the_kl_of_each_factor_of_a_prior_of_ones_own_is_known_too(every):
    vae, q = small_vae(swinging), normals(-(-4 // every))
    found = factor_kl(thinned_pair(vae, every), q)
    static = thinned(lambda n: priors.static_draws(n, 2, 0.3), every)
    forms = (gaussian_form(p, len(q.loc[0])) for p in (static, thinned(swinging, every)))
    static_form, whole = forms
    expected = static_form.kl(q.loc[..., :2], q.scale[..., :2])
    torch.testing.assert_close(found["hs"], expected)
    torch.testing.assert_close(found["hs"] + found["ht"], whole.kl(q.loc, q.scale))


def test_the_kl_of_a_learned_prior_of_ones_own_trains_it():
    vae, q = small_vae(examples.Unknown()), normals()
    sum(each.sum() for each in factor_kl(vae, q).values()).backward()
    own = [parameter.grad.clone() for parameter in vae.prior.parameters()]
    vae.zero_grad()
    vae.model.reader.form(4).kl(q.loc, q.scale).sum().backward()
    for ours, parameter in zip(own, vae.prior.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad)


def coupled(num_frames):
    """Static draws, and a walk around them."""
    hs = priors.static_draws(num_frames, 2, 0.3)
    return torch.cat([hs, pyro.sample("ht", dist.Normal(hs, 0.5).to_event(2))], -1)


def test_factors_that_are_correlated_have_no_kl_by_themselves():
    assert factor_kl(small_vae(coupled), normals()) == {}


@pytest.mark.parametrize(
    ("iteration", "static", "temporal"), [(0, 1, 1), (5, 0.5, 0.75), (10, 0, 0.5), (20, 0, 0)]
)
def test_the_weights_rise_linearly_to_beta(iteration, static, temporal):
    vae, q = small_vae(beta=4.0), normals()
    kl = {name: each.mean() for name, each in factor_kl(vae, q).items()}
    expected = 4 * (static * kl["hs"] + temporal * kl["ht"])
    found = discount(vae, q, missing_weights({"hs": 10, "ht": 20}, iteration))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("elbo", ["analytic", "trace"])
def test_a_step_without_kl_has_the_reconstruction_for_its_loss(elbo):
    losses = {}
    for name, warm_up in {"without": {"hs": 10, "ht": 10}, "with": {}}.items():
        config = TrainingConfig(videos=64, elbo=elbo, precision="float32", warm_up=warm_up)
        torch.manual_seed(0)
        trainer = Trainer(small_vae(beta=4.0), small_data(), config, torch.device("cpu"))
        with pyro.settings.context(module_local_params=True):
            found = trainer.update(0, trainer.draw(0))
        losses[name] = float(found["loss"] + found["reconstruction"])
    assert losses["with"] > 1
    # Monte Carlo leaves the noise of its KL
    assert abs(losses["without"]) < (1e-2 if elbo == "analytic" else 0.5 * losses["with"])


def test_a_resumed_warm_up_is_the_one_that_was_never_stopped(tmp_path):
    def run(name, iterations, **options):
        torch.manual_seed(0)
        return small_run(tmp_path / name, small_vae(), iterations, warm_up={"hs": 5}, **options)

    whole = run("whole", 6)
    run("cut", 3)
    resumed = run("cut", 6, resume=True)
    for ours, theirs in zip(whole.vae.parameters(), resumed.vae.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_command_takes_it_by_factor(tmp_path):
    folder = tmp_path / "run"
    words = ["--folder", folder, "--iterations", 1, "--warm-up", "hs=3"]
    assert command("train", *SMALL, *words) == 0
    config = json.loads((folder / "config.json").read_text())
    assert config["training"]["warm_up"] == {"hs": 3}


@pytest.mark.parametrize(
    ("model", "warm_up", "told"),
    [
        ({}, {"centre": 5}, r"warm_up: got \{'centre': 5\}; name factors of hs, ht"),
        ({}, {"hs": -1}, r"warm_up: got .*-1"),
        ({"prior": priors.slow}, {"hs": 5}, "name factors of ht"),
        ({"prior": examples.laplace_draw}, {"ht": 5}, "leave it out for this prior"),
        ({"prior": coupled}, {"hs": 5}, "leave it out for this prior"),
        ({"prior": gallery.multi_rate}, {"hs": 5}, "name factors of rate_0, rate_1, rate_2"),
        ({"guide": "smoothing"}, {"hs": 5}, "a smoothing guide ties the factors"),
    ],
)
def test_what_cannot_be_weighted_is_refused(tmp_path, model, warm_up, told):
    with pytest.raises(InputError, match=told):
        small_run(tmp_path / "run", small_vae(**model), 2, warm_up=warm_up, elbo="trace")
    assert not (tmp_path / "run").exists()
