"""Flags from a plain dataclass, for scripts that run where no library parses them."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

Command = TypeVar("Command")


def parse(
    command: type[Command],
    arguments: Sequence[str] | None,
    one: Mapping[str, type],
    several: Mapping[str, type],
) -> Command:
    """Make a command from words.

    Args:
        command: A dataclass, all of whose fields have a default.
        arguments: The words; the process's own if None.
        one: Types of fields, where they aren't text or switches.
        several: Types of the entries of fields that hold several.
    """
    parser = argparse.ArgumentParser(description=command.__doc__)
    for field in fields(command):  # type: ignore[arg-type]
        flag = "--" + field.name.replace("_", "-")
        if field.name in several:
            parser.add_argument(flag, nargs="+", type=several[field.name], default=field.default)
        elif isinstance(field.default, bool):
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, type=one.get(field.name, str), default=field.default)
    given = vars(parser.parse_args(arguments))
    return command(**{k: tuple(v) if k in several else v for k, v in given.items()})


def find_package() -> None:
    """Let a script import the package beside it, and stand-ins for libraries that aren't there."""
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here.parent))
    sys.path.append(str(here / "standins"))
