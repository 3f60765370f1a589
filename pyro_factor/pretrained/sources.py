"""The data that released models may be trained on, each with its licence."""

from typing import NamedTuple


class Source(NamedTuple):
    """A data set that anyone can get.

    Args:
        title: What the clips show.
        limits: What a model of it has seen, and nothing else.
        origin: Where the data are from.
        licence: Their licence.
    """

    title: str
    limits: str
    origin: str
    licence: str


DIGITS = "one light digit of 28×28 pixels on black, on straight paths between the frame's walls"
SOURCES = {
    "embedded": Source(
        "bouncing digits (scikit-learn's)",
        DIGITS,
        "the Optical Recognition of Handwritten Digits data set (UCI) that comes with scikit-learn",
        "CC BY 4.0",
    ),
    "mnist": Source(
        "bouncing MNIST",
        DIGITS,
        "MNIST, by Yann LeCun, Corinna Cortes and Chris Burges",
        "CC BY-SA 3.0",
    ),
    "chairs": Source(
        "rotating chairs (generated)",
        "one dark chair on white, turning by one step a frame, as the package renders it",
        "chairs that this package generates from a seed",
        "Apache-2.0, as the package",
    ),
}
