"""How the cost of a Gaussian form grows with the number of frames.

    python scripts/form_cost.py

Prints the time of reading the form of `priors.factored` and of one KL of 8 clips, for 16 to 4,096
frames, and the exponent of each: the slope of log time against log frames over the longest clips.
"""

import math
import time
from collections.abc import Callable

import torch

from pyro_factor import gaussian_form, priors
from pyro_factor.reproduction.tables import markdown

FRAMES = (16, 64, 256, 1024, 4096)
REPEATS = 5


def seconds(work: Callable[[], object]) -> float:
    """The least of some times: what else the machine does only adds to it."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def cost(num_frames: int) -> tuple[float, float, int]:
    """Seconds of reading the form and of a KL, and the numbers that the form holds."""
    form = gaussian_form(priors.factored, num_frames)
    loc = torch.randn(8, num_frames, 4)
    scale = torch.rand_like(loc) + 0.1
    parts = (form.linear, *vars(form.structure).values(), form.coupling)
    return (
        seconds(lambda: gaussian_form(priors.factored, num_frames)),
        seconds(lambda: form.kl(loc, scale)),
        sum(part.numel() for part in parts),
    )


def main() -> None:
    """Print the table."""
    costs = [cost(num_frames) for num_frames in FRAMES]
    lines = [
        [f"{n:,}", f"{1000 * read:.1f}", f"{1000 * kl:.2f}", f"{held:,}"]
        for n, (read, kl, held) in zip(FRAMES, costs, strict=True)
    ]
    span = math.log(FRAMES[-1] / FRAMES[-3])
    slopes = [math.log(costs[-1][i] / costs[-3][i]) / span for i in range(3)]
    lines.append(["exponent", *(f"{slope:.2f}" for slope in slopes)])
    print(markdown(["frames", "reading, ms", "KL, ms", "numbers held"], lines), end="")


if __name__ == "__main__":
    main()
