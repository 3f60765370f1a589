import numpy as np
import pytest

from pyro_factor.errors import InputError
from pyro_factor.evaluation.classes import check_classes
from pyro_factor.evaluation.gather import Gathered


def codes(static, temporal=(0, 1)):
    features = np.zeros((len(static or temporal), 2))
    labels = (None if each is None else np.array(each) for each in (static, temporal))
    return Gathered(features, *labels, None, None, {})


def test_classes_of_both_parts_pass_without_a_word(capsys):
    check_classes(codes([0, 1, 2]), codes([2, 0]))
    check_classes(codes(None), codes(None))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seen", "unseen", "told"),
    [
        (
            codes([0, 1]),
            codes([1, 1]),
            "labels: got [1]; the clips to score on show one static class",
        ),
        (
            codes([0, 1]),
            codes([2, 3]),
            "labels: got [2, 3]; no static class to score on is in clips to fit on",
        ),
        (
            codes([0, 1]),
            codes([0, 1], (4, 4)),
            "labels: got [4]; the clips to score on show one temporal class",
        ),
    ],
)
def test_what_classifiers_can_not_be_asked_is_named(seen, unseen, told):
    with pytest.raises(InputError) as caught:
        check_classes(seen, unseen)
    assert str(caught.value).startswith(told)


def test_classes_that_can_not_be_told_are_counted(capsys):
    check_classes(codes([0, 1]), codes([0, 2, 3]))
    said = "2 of 3 static classes to score on are in no clip to fit on"
    assert capsys.readouterr().err.startswith(said)
