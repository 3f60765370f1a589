"""The command `posterior`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from ..flags import DataRoot

if TYPE_CHECKING:
    from ..inference.runs import Run
    from .nuts import Settings


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Write what a run's guide believes of test clips for ArviZ, and measure how wrong it is."""

    run: tyro.conf.Positional[Path]
    """The run folder."""
    videos: int = 20
    """Clips."""
    samples: int = 500
    """Draws of each clip's codes in the file, in four chains."""
    images: int = 40
    """Those of them for which frames are drawn too."""
    weights: int = 1_000
    """Importance weights of each clip."""
    simulated: int = 200
    """Clips drawn from the model, to see whether the guide's intervals hold their codes."""
    nuts: int = 0
    """Clips whose true posterior is drawn from too, by NUTS: 2 take tens of minutes. Chains that
    are done are kept, so that the command goes on when it is given again."""
    chains: int = 4
    """Chains of NUTS for each of them."""
    warmup: int = 300
    """Draws of a chain that adapt it."""
    draws: int = 500
    """Draws of a chain that are kept."""
    split: Literal["test", "validation"] = "test"
    """Which digits."""
    seed: int = 0
    """Seed of clips and draws."""
    data_root: DataRoot = None
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    def __call__(self) -> None:
        """Run the command."""
        from ..errors import require
        from ..inference.hardware import choose_device
        from ..inference.runs import load_run
        from .importance import LEAST
        from .inference_data import check_sizes
        from .nuts import Settings

        # before minutes of drawing
        require(self.simulated >= 2, "simulated", self.simulated, "give 2 or more")
        require(self.nuts >= 0, "nuts", self.nuts, "give 0 or more")
        require(self.weights >= LEAST, "weights", self.weights, f"give {LEAST} or more")
        check_sizes(self.samples, self.images, ("samples", "images"))
        settings = Settings(self.chains, self.warmup, self.draws, seed=self.seed)
        run = load_run(self.run, data_root=self.data_root)
        if self.nuts:
            self._check_form(run)
        run.vae.to(choose_device(self.device))
        self._inspect(run)
        self._predict(run)
        if self.nuts:
            self._compare(run, settings)

    def _check_form(self, run: "Run") -> None:
        """Raise unless NUTS knows the prior's density, global draws integrated out."""
        from ..errors import InputError
        from ..models import NotGaussianPrior

        try:
            run.vae.model.reader.form(run.vae.num_frames)
        except NotGaussianPrior as error:
            reason = str(error).removeprefix("prior: ")
            raise InputError(f"nuts: got {self.nuts}; give 0 for this prior ({reason})") from error

    def _inspect(self, run: "Run") -> None:
        """Write the draws; measure how wrong the guide is."""
        from rich.console import Console

        from .calibration import calibrate
        from .inspect import inspect
        from .report import posterior_figures
        from .tables import calibration_table, importance_table

        found = inspect(
            run,
            videos=self.videos,
            num_samples=self.samples,
            num_images=self.images,
            num_weights=self.weights,
            split=self.split,
            seed=self.seed,
        )
        calibration = calibrate(run.vae, videos=self.simulated, seed=self.seed)
        Console().print(importance_table(found))
        Console().print(calibration_table(calibration))
        folder = self.run / "posterior"
        print(folder / "posterior.nc")
        for path in posterior_figures(run.vae, folder / "posterior.nc", found, calibration, folder):
            print(path)

    def _predict(self, run: "Run") -> None:
        """Predict frames and find foreign ones, or say why not."""
        import torch

        from ..evaluation.style import save
        from ..models import NotGaussianPrior
        from .anomalies import anomalies
        from .anomaly_report import anomaly_figure, found_line, spoil
        from .inspect import unseen_clips
        from .report import prediction_figure

        folder = self.run / "posterior"
        drawn = unseen_clips(run, max(self.videos, 2), self.split, self.seed)
        clips = drawn.videos
        if clips.shape[1] == 1:
            print("codes, prediction, anomalies: they need several frames, and the clips have one")
            return
        try:
            run.vae.model.reader.form(clips.shape[1])
        except NotGaussianPrior as reason:
            print(f"smoothed guide, prediction, anomalies: {reason}")
            return
        print(save(prediction_figure(run.vae, clips[0]), folder / "prediction.png"))
        item = torch.arange(len(clips)) if drawn.item is None else drawn.item
        if len(item.unique()) == 1:
            print("anomalies: all of the clips show the same, so that no frame is another's")
            return
        spoiled, foreign = spoil(clips, item, self.seed)
        strange = anomalies(run.vae, spoiled, seed=self.seed)
        print(found_line(strange, foreign))
        figure = anomaly_figure(spoiled[0], strange, int(foreign[0]))
        print(save(figure, folder / "anomalies.png"))

    def _compare(self, run: "Run", settings: "Settings") -> None:
        """Hold the guide against NUTS."""
        from rich.console import Console

        from ..evaluation.style import save
        from .inspect import inspect_truth
        from .nuts_report import nuts_figure, nuts_table

        folder = self.run / "posterior"
        truth = inspect_truth(run, self.nuts, settings, split=self.split, seed=self.seed)
        Console().print(nuts_table(truth.compared, truth.chains))
        figure = nuts_figure(run.vae, truth.videos, truth.chains)
        print(folder / "nuts.nc", save(figure, folder / "nuts.png"), sep="\n")
