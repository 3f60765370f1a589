"""Stand-ins for what only a GPU has, to see in which order it is used."""

from contextlib import contextmanager, nullcontext
from unittest.mock import MagicMock

import torch


class Graph:
    """A CUDA graph that counts its replays, and does nothing in them."""

    capturing = False

    def __init__(self):
        self.replays = 0

    def replay(self):
        self.replays += 1


def stand_in(monkeypatch) -> list[Graph]:
    """Put stand-ins in place; gives the graphs, as they come to be captured."""
    captured = []

    @contextmanager
    def capture(graph):
        captured.append(graph)
        Graph.capturing = True
        try:
            yield
        finally:
            Graph.capturing = False

    for name in ("Stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, MagicMock())
    for name in ("stream", "device"):
        monkeypatch.setattr(torch.cuda, name, lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    return captured
