"""What the pages say can be done: their links lead somewhere, their commands and numbers hold."""

import math
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

import pyro_factor
from pyro_factor import cli, flags
from pyro_factor.inference import Persistence, persistence_penalty

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("pyro_factor/**/*.md")])
NUMBERS = re.compile(r"# (-?\d+\.\d\d(?:, -?\d+\.\d\d)*)$")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def blocks(page, language):
    return [text for found, text in BLOCK.findall(page.read_text()) if found == language]


def anchors(page):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in LINK.findall(BLOCK.sub("", page.read_text())):
        file, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


COMMANDS = {
    line.split("  #")[0].replace("$(seq 15)", " ".join(map(str, range(1, 16))))
    for page in PAGES
    for text in blocks(page, "sh")
    for line in text.replace("\\\n", " ").splitlines()
    if line.startswith("pyro-factor ") and "--resume" not in line and "{{" not in line
}


@pytest.mark.parametrize("line", sorted(COMMANDS))
def test_commands_are_understood(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = cli._parsed(shlex.split(line)[1:], cli.Train())
    if isinstance(command, cli.Train) and "my_prior" not in line:
        assert flags.describe(command).training.iterations >= 1


def worked_examples():
    """Blocks of the page on leakage whose lines end in the numbers that they give."""
    page = ROOT / "docs/reproduction/leakage.md"
    return [text for text in blocks(page, "python") if re.search(NUMBERS.pattern, text, re.M)]


@pytest.mark.parametrize("block", worked_examples())
def test_numbers_beside_lines_are_what_they_give(block):
    names = {"math": math, "torch": torch}
    names |= {"Persistence": Persistence, "persistence_penalty": persistence_penalty}
    lines = block.splitlines()
    told = {i: found[1] for i, line in enumerate(lines) if (found := NUMBERS.search(line))}
    exec("\n".join(line for i, line in enumerate(lines) if i not in told), names)
    for i, numbers in told.items():
        given = torch.as_tensor(eval(lines[i], names)).flatten().tolist()
        assert ", ".join(f"{number:.2f}" for number in given) == numbers


def test_the_reference_has_a_page_for_each_room_with_its_public_names(tmp_path):
    asked = ["make", "--no-print-directory", "--dry-run", "docs"]
    shown = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    words = shlex.split(shown.strip().splitlines()[-1])
    command = [sys.executable, "-m", "pdoc", *words[1:]]
    command[command.index("site")] = str(tmp_path)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "Warn:" not in done.stderr
    rooms = [word for word in words if word.startswith("pyro_factor.")]
    assert {*rooms} >= {f"pyro_factor.{room}" for room in pyro_factor._ROOMS.values()}
    for room in rooms:
        page = (tmp_path / f"{room.replace('.', '/')}.html").read_text()
        for name in getattr(import_module(room), "__all__", ()):
            assert f'id="{name}"' in page or f"{name}.html" in page, name
