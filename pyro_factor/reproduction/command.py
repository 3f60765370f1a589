"""The command `reproduce`: a plain dataclass, so that a script can parse it without a library."""

from dataclasses import dataclass
from math import inf
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Reproduce:
    """Train and score the cells of the paper's tables 1-3 that the ledger lacks."""

    schedule: str = "short"
    """paper (30,000 iterations of 64 clips), quarter (its first 7,500), short (2,000 of 16), recipe
    or glimpse (2,000 of 128, by docs/reproduction; recipe-long, glimpse-long: longer; glimpse-full:
    as many frames as paper) or smoke (a try-out)."""
    only: tuple[str, ...] = ()
    """Cells by name, -seed0 or not, or pattern, such as 'mnist-factored-*'; all unless given."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of each cell."""
    list: bool = False
    """Show the cells and how far each is; train nothing."""
    merge: tuple[Path, ...] = ()
    """Add the rows of these ledgers, from other machines; train nothing."""
    jobs: int = 1
    """Cells at once, in processes that share the cores, or a GPU, which one alone hardly fills."""
    max_minutes: float = inf
    """Stop after this time; the next call goes on."""
    data_root: Path | None = None
    """Folder of the digits, in torchvision's layout; downloads what is absent."""
    chairs_root: Path | None = None
    """Folder of meshes of chairs; chairs are generated unless it is given."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    cuda_graph: bool = False
    """On a GPU, launch every training step as one."""
    ledger: Path = Path("docs/reproduction/ledger.jsonl")
    """The ledger; tables.md is rendered beside it."""
    runs: Path = Path("runs/reproduction")
    """Where the run folders are."""

    def __call__(self) -> None:
        """Run the command."""
        from ..errors import require
        from .ledger import Ledger
        from .pages import write_tables
        from .reproduce import reproduce
        from .status import status

        book = Ledger(self.ledger)
        if self.list:
            print(status(self.schedule, self.only, self.seeds, book, self.runs))
        elif self.merge:
            for path in self.merge:
                require(path.is_file(), "merge", str(path), "no such file; name a ledger")
            # all are read before one is added: none is if one is damaged
            added = book.add([row for path in self.merge for row in Ledger(path).rows()])
            print(f"{added} rows added to {self.ledger}; see {write_tables(book)}")
        else:
            rows = reproduce(
                self.schedule,
                self.only,
                self.seeds,
                ledger=self.ledger,
                runs=self.runs,
                data_root=self.data_root,
                chairs_root=self.chairs_root,
                device=self.device,
                cuda_graph=self.cuda_graph,
                jobs=self.jobs,
                max_minutes=self.max_minutes,
            )
            print(f"{len(rows)} cells added to {self.ledger}; see {write_tables(book)}")
