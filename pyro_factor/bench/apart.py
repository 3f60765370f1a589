"""Contestants in processes of their own, which settings of a whole process ask for."""

import multiprocessing as mp
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Protocol, runtime_checkable

import torch

from .timing import Contestant, Work, timed


@runtime_checkable
class Recipe(Protocol):
    """Says how to build a piece of work; it can be sent to another process."""

    @property
    def device(self) -> str:
        """Where the work is done."""

    def build(self) -> Work:
        """Build it."""


@contextmanager
def contestants(recipes: Mapping[str, Recipe], apart: bool) -> Iterator[dict[str, Contestant]]:
    """Give contestants by name.

    Args:
        recipes: How to build each.
        apart: Whether each is built and run in a process of its own; here otherwise.
    """
    with ExitStack() as stack:
        if apart:
            yield {name: stack.enter_context(_elsewhere(r)) for name, r in recipes.items()}
        else:
            yield {name: _here(recipe) for name, recipe in recipes.items()}


def _here(recipe: Recipe) -> Contestant:
    return timed(recipe.build(), torch.device(recipe.device))


@contextmanager
def _elsewhere(recipe: Recipe) -> Iterator[Contestant]:
    context = mp.get_context("spawn")  # a process that was forked has no GPU, and our allocator
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(recipe, theirs), daemon=True)
    process.start()
    theirs.close()  # so that a process that died is an error here, and no wait without end

    def contestant() -> float:
        ours.send(True)
        return float(ours.recv())

    try:
        yield contestant
    finally:
        ours.close()
        process.join()


def _serve(recipe: Recipe, pipe: Connection) -> None:
    contestant = _here(recipe)
    try:
        while pipe.recv():
            pipe.send(contestant())
    except EOFError:
        return
