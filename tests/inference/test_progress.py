import io

import pytest

from pyro_factor.inference.progress import Progress

ROW = {"iteration": 10, "loss": 5.0, "elbo": -5.0, "terms": {"reconstruction": -7.0, "static": 2.0}}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(folder, stream, monkeypatch, show=True):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    monkeypatch.setattr("sys.stderr", stream)
    with Progress(folder, 0, 10, show) as progress:
        progress.advance(10)
        progress.report(ROW)
    return stream.getvalue()


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_the_elbo_and_its_terms_are_shown(tmp_path, monkeypatch, stream):
    text = shown(tmp_path, stream(), monkeypatch)
    assert "10/10" in text
    assert "ELBO -5.0  (reconstruction -7.0  static 2.0)" in text


def test_nothing_is_shown_unasked(tmp_path, monkeypatch):
    assert shown(tmp_path, Terminal(), monkeypatch, show=False) == ""


def test_tensorboard_gets_every_number(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    with Progress(tmp_path, 0, 10, False) as progress:
        progress.report(ROW)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "elbo", "reconstruction", "static"}
    assert events.Scalars("elbo")[0].step == 10
