from contextlib import nullcontext
from unittest.mock import MagicMock

import torch

from pyro_factor.bench.captured import WARMUP, capture


def test_a_captured_step_reads_other_clips_from_where_it_was_captured(monkeypatch):
    """The calls in their order, with stand-ins for what only a GPU has."""
    graph, seen = MagicMock(), []

    def update(clips):
        seen.append(clips)
        return clips.sum()

    for name in ("Stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, MagicMock())
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graph)
    clips = torch.zeros(3)
    replay = capture(update, clips)
    assert len(seen) == WARMUP + 1
    replay(torch.ones(3))
    graph.replay.assert_called_once_with()
    assert len(seen) == WARMUP + 1  # no Python in between
    assert seen[-1].tolist() == [1, 1, 1]
    assert clips.tolist() == [0, 0, 0]
