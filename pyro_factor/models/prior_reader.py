"""What the model, the guide and the ELBO know of a prior, read once for each number of frames."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pyro
import torch
from pyro import poutine
from pyro.nn import PyroModule
from torch import Tensor

from .closed_forms import closed_form, known_conditional
from .gaussian_form import GaussianForm, forms_by_factor, marginal_form
from .global_conditional import GlobalConditional, global_conditional
from .joint import Joint
from .kept_frames import KeptFrames
from .layout import Layout, columns_of
from .linearity import check_linear_gaussian
from .precision import Reader
from .program import CLIPS, Prior, algebra, moved, plain_numbers, tensors_of
from .read_layout import read_layout

TERMS = {"static": "hs", "temporal": "ht"}  # the factors of closed forms' terms, if named otherwise

Part = TypeVar("Part", GaussianForm, GlobalConditional)


class PriorReader:
    """Reads a prior's layout and Gaussian form, and keeps what can't change.

    A fixed prior's algebra is done once for each number of frames; a learned one's every time.

    Args:
        prior: A Pyro model function of the number of frames.
    """

    def __init__(self, prior: Prior) -> None:
        self.prior = prior
        self._layouts: dict[int, Layout] = {}
        self._whole: dict[int, dict[str, list[int]]] = {}
        self._checked: set[int] = set()
        self._readers: dict[int, Reader] = {}
        self._kept: dict[tuple[str, int], GaussianForm | GlobalConditional] = {}
        self._apart: dict[int, tuple[GaussianForm, dict[str, GaussianForm]]] = {}

    def layout(self, num_frames: int) -> Layout:
        """Which draw is which column of h; one draw `h` where h does not consist of draws."""
        if num_frames not in self._layouts:
            self._layouts[num_frames] = read_layout(self.prior, num_frames)
        layout = self._layouts[num_frames]
        return layout if layout.direct else layout.single_site

    def factors(self, num_frames: int) -> dict[str, list[int]]:
        """Columns of h by factor; of frames that are kept of a clip, as in the whole one."""
        if isinstance(self.prior, KeptFrames):
            if num_frames not in self._whole:
                reader = PriorReader(self.prior.prior)
                self._whole[num_frames] = reader.factors(self.prior.whole(num_frames))
            return self._whole[num_frames]
        return self.layout(num_frames).factors

    def check(self, num_frames: int) -> None:
        """Raise unless the prior has what a pair needs of it: a conditional, or a form, or neither.

        Raises:
            NotGaussianPrior: It has global draws, or columns of h that are no draws, and isn't
                Gaussian; the draw is named.
            DegeneratePrior: p(h) has no density.
        """
        if self.layout(num_frames).global_draws:
            self.conditional(num_frames)
        if not self._layouts[num_frames].direct:
            self.form(num_frames)

    def clips(self, num_videos: int, num_frames: int) -> pyro.plate:
        """The plate over clips, left of all the prior's own plates."""
        return pyro.plate(CLIPS, num_videos, dim=-1 - self.layout(num_frames).plate_nesting)

    def sampler(self, num_frames: int, like: Tensor) -> Callable[[], Tensor]:
        """Give a function that runs the prior, or draws its one site `h`, on the device of `like`.

        Ask for it outside the plate over clips, where the form is read, and call it inside.
        """
        whole = None if self._own_sites(num_frames) else self.form(num_frames).distribution(like)

        def sample() -> Tensor:
            with plain_numbers(like.dtype, like.device):
                return self.prior(num_frames) if whole is None else pyro.sample("h", whole)

        return sample

    def register(self, num_frames: int) -> None:
        """Have Pyro hear of the parameters of a prior that is drawn as the one site `h`."""
        if isinstance(self.prior, PyroModule) and not self._own_sites(num_frames):
            parameters = poutine.block(hide_fn=lambda message: message["type"] != "param")
            with torch.random.fork_rng(devices=[]), parameters:
                self.prior(num_frames)

    def form(self, num_frames: int) -> GaussianForm:
        """p(h) in closed form.

        Raises:
            NotGaussianPrior: It has none; the draw is named.
            DegeneratePrior: p(h) has no density.
        """
        return self._read("form", num_frames, partial(self._form, num_frames))

    def conditional(self, num_frames: int) -> GlobalConditional:
        """p(g | h) of the global draws g.

        Raises:
            NotGaussianPrior: It is not Gaussian; the draw is named.
        """
        # a fixed one is read once, a learned one in every step
        known = known_conditional(self.prior) if tensors_of(self.prior) else None
        if known is not None:
            return known(num_frames)
        return self._read("conditional", num_frames, global_conditional)

    def expected_log_prior(self, loc: Tensor, scale: Tensor) -> dict[str, Tensor]:
        """E_q[log p(h)] term by term: by its closed form where there is one (eqs. 15-18).

        Args:
            loc: The guide's means, (..., N, D).
            scale: The guide's scales, (..., N, D).

        Returns:
            Terms that add up to E_q[log p(h)], in nats per video, (...).
        """
        terms = closed_form(self.prior)
        if terms is not None:
            return terms(loc, scale)
        return {"prior": self.form(loc.shape[-2]).expected_log_prob(loc, scale)}

    def expected_log_prior_by_factor(self, loc: Tensor, scale: Tensor) -> dict[str, Tensor]:
        """E_q[log p(h)] factor by factor, where factors are independent under the prior.

        Args:
            loc: The guide's means, (..., N, D).
            scale: The guide's scales, (..., N, D).

        Returns:
            By factor, nats per video, (...); empty where factors are correlated.

        Raises:
            NotGaussianPrior: The prior has neither a closed form by factor nor a Gaussian one.
        """
        num_frames = loc.shape[-2]
        factors, terms = self.factors(num_frames), closed_form(self.prior)
        if terms is not None:
            found = {TERMS.get(term, term): each for term, each in terms(loc, scale).items()}
            if found.keys() == factors.keys():
                return found
        return {
            name: form.expected_log_prob(
                columns_of(loc, factors[name]), columns_of(scale, factors[name])
            )
            for name, form in self._forms_by_factor(num_frames).items()
        }

    def _forms_by_factor(self, num_frames: int) -> dict[str, GaussianForm]:
        form = self.form(num_frames)
        if num_frames not in self._apart or self._apart[num_frames][0] is not form:
            apart = forms_by_factor(form, self.factors(num_frames))
            self._apart[num_frames] = form, apart
        return self._apart[num_frames][1]

    def _own_sites(self, num_frames: int) -> bool:
        """Whether the pair has the prior's own sites, and not the one site `h`."""
        return self.layout(num_frames) is self._layouts[num_frames]

    def _form(self, num_frames: int, joint: Joint) -> GaussianForm:
        form, self._readers[num_frames] = marginal_form(joint, self._readers.get(num_frames))
        return form

    def _check(self, layout: Layout) -> None:
        """Raise unless the prior is linear-Gaussian, and would be if it were trained a little.

        By weights that are 0 at first a network is affine, and then isn't.
        """
        check_linear_gaussian(self.prior, layout)
        with moved(tensors_of(self.prior)) as any_learned:
            if any_learned:
                check_linear_gaussian(self.prior, layout)

    def _read(self, what: str, num_frames: int, read: Callable[[Joint], Part]) -> Part:
        if (what, num_frames) in self._kept:
            return self._kept[what, num_frames]  # type: ignore[return-value]
        self.layout(num_frames)
        layout = self._layouts[num_frames]
        with algebra(self.prior):
            if num_frames not in self._checked:
                self._check(layout)
                self._checked.add(num_frames)
            joint = Joint(self.prior, layout)
            part = read(joint)
        # a module's tensors may change without a gradient too: when weights are loaded, say
        if not joint.learned and not tensors_of(self.prior):
            self._kept[what, num_frames] = part
        return part
