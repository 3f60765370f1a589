"""The command `bench`: a plain dataclass, so that a script can parse it without a library."""

import shlex
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Measure how fast training, evaluation and start-up are, as ratios within one run."""

    only: tuple[str, ...] = ()
    """Benchmarks by name or pattern; all unless given."""
    quick: bool = False
    """Small sizes, a try-out: the numbers mean nothing."""
    list: bool = False
    """Show the benchmarks; measure nothing."""
    output: Path | None = None
    """The file of results, which keeps those that aren't measured again; by default
    runs/bench/full.json, or quick.json."""
    page: Path | None = None
    """A page whose part between the marks is rewritten, the figure beside it."""

    def __call__(self) -> None:
        """Run the command."""
        from .page import check_page, write_page
        from .sizes import FULL, QUICK
        from .suite import BENCHMARKS, bench, chosen
        from .tables import show

        if self.list:
            for name, benchmark in BENCHMARKS.items():
                print(f"{name:<11} {benchmark.title}")
            return
        if self.page is not None:
            check_page(self.page)
        sizes, name = (QUICK, "quick") if self.quick else (FULL, "full")
        output = self.output or Path("runs/bench", f"{name}.json")
        results = bench(self.only, sizes=sizes, output=output, command=self._words())
        wanted = chosen(self.only)
        show([result for result in results if result.name in wanted])
        print(output)
        if find_spec("matplotlib"):
            from .figure import draw

            print(draw(results, (self.page or output).with_suffix(".png")))
        if self.page is not None:
            print(write_page(results, self.page))

    def _words(self) -> str:
        words = ["pyro-factor", "bench", *(["--quick"] if self.quick else [])]
        return shlex.join(words + (["--only", *self.only] if self.only else []))
