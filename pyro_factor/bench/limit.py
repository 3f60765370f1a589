"""How far a step is from what the hardware can do."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from ..evaluation.intervals import Estimate
from ..inference.hardware import choose_precision
from ..track import Track
from .rows import Row, exact
from .sizes import Sizes
from .steps import Way
from .timing import Work, spread, take_turns, timed

GIGA = 1e9


def limit(sizes: Sizes, track: Track, device: str = "cpu") -> list[Row]:
    """Floating-point operations and bytes of a step, and the rates that the machine reaches."""
    way, where = Way(sizes=sizes, device=device), torch.device(device)
    step = way.build()
    step()  # the first one's checks aren't counted
    operations, traffic = count_flops(step), count_bytes(step)
    precision = choose_precision(way.precision, where)
    product, copy = _product(sizes.matrix, precision, where), _copy(sizes.matrix, where)
    works = {"step": step, "product": product, "copy": copy}
    times = take_turns(
        {name: timed(work, where) for name, work in works.items()},
        sizes.repetitions,
        warmup=sizes.warmup,
        track=track,
        title="The hardware's limits",
    )
    rate = spread(2 * sizes.matrix**3 / times["product"] / GIGA)
    bandwidth = spread(2 * 4 * sizes.matrix**2 / times["copy"] / GIGA)
    achieved = spread(operations / times["step"] / GIGA)
    return [
        Row(quantity="operations of a step", value=exact(operations / GIGA), unit="GFLOP"),
        Row(quantity="a step reaches", value=achieved, unit="GFLOP/s"),
        Row(quantity=f"matrix product, {_name(precision)}", value=rate, unit="GFLOP/s"),
        Row(
            quantity="a step over the product's rate",
            value=spread(operations / times["step"] * times["product"] / (2 * sizes.matrix**3)),
        ),
        Row(quantity="read and written by a step", value=exact(traffic / GIGA), unit="GB"),
        Row(quantity="copying", value=bandwidth, unit="GB/s"),
        *_floors(operations / GIGA, traffic / GIGA, rate, bandwidth, spread(times["step"])),
    ]


def count_flops(work: Work) -> int:
    """Count the floating-point operations of matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def count_bytes(work: Work) -> int:
    """Count what operations read and write, each by itself: the traffic without any fusion."""
    with _Traffic() as traffic:
        work()
    return traffic.bytes


class _Traffic(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if not (func.is_view or "empty" in func.name()):
            self.bytes += _read(func, args, kwargs) + _written(func, args, kwargs, out)
        return out


OVERWRITTEN = {"copy_", "fill_", "zero_"}  # operations that don't read what they write to


def _read(func: Any, args: tuple, kwargs: dict) -> int:
    """Bytes that an operation reads: of its arguments, but for those that it only writes to."""
    given = _arguments(func, args, kwargs)
    only_written = func.overloadpacket.__name__ in OVERWRITTEN
    return sum(
        _size(value)
        for argument, value in given
        if not (argument.is_out or (only_written and _is_written(argument)))
    )


def _written(func: Any, args: tuple, kwargs: dict, out: Any) -> int:
    """Bytes that an operation writes: what it returns anew, and arguments that it changes."""
    changed = [value for argument, value in _arguments(func, args, kwargs) if _is_written(argument)]
    held = {id(leaf) for leaf in tree_leaves(changed)}
    new = [leaf for leaf in tree_leaves(out) if id(leaf) not in held]
    return _size(changed) + _size(new)


def _arguments(func: Any, args: tuple, kwargs: dict) -> list[tuple[Any, Any]]:
    """Arguments of an operation's schema that were given, with their values."""
    schema = func._schema.arguments
    named = {argument.name: argument for argument in schema}
    return [*zip(schema, args, strict=False), *((named[k], v) for k, v in kwargs.items())]


def _is_written(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def _size(values: Any) -> int:
    tensors = (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))
    return sum(tensor.element_size() * tensor.numel() for tensor in tensors)


def _floors(
    operations: float, traffic: float, rate: Estimate, bandwidth: Estimate, step: Estimate
) -> list[Row]:
    """What arithmetic alone and memory alone would take."""
    arithmetic, memory = operations / rate.value, traffic / bandwidth.value
    floor = max(arithmetic, memory)
    return [
        Row(
            quantity="its arithmetic alone, at the product's rate",
            value=exact(arithmetic),
            unit="s",
        ),
        Row(quantity="its memory alone, at the copy's rate", value=exact(memory), unit="s"),
        Row(quantity="a step", value=step, unit="s"),
        Row(
            quantity="a step over the larger of both",
            value=Estimate(*(seconds / floor for seconds in step)),
        ),
    ]


def _product(side: int, precision: torch.dtype, device: torch.device) -> Callable[[], Tensor]:
    a, b = torch.ones(2, side, side, dtype=precision, device=device)
    return lambda: a @ b


def _copy(side: int, device: torch.device) -> Callable[[], Tensor]:
    source = torch.ones(side, side, device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def _name(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")
