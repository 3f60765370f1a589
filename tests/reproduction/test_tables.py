from dataclasses import replace

from example_rows import row

from pyro_factor.reproduction.figure import PLACES, _figure, draw
from pyro_factor.reproduction.paper import COLUMNS, NUMBERS, Cell
from pyro_factor.reproduction.schedules import SCHEDULES
from pyro_factor.reproduction.tables import render

CELL = Cell("mnist", "factored", 4, 1)


def lines(text, title):
    """The cells of a table's lines, by model, β and schedule."""
    part = text.partition(f"### {title}\n")[2].partition("#")[0]
    split = [[c.strip() for c in line.split("|")[1:-1]] for line in part.split("\n") if line]
    return split[0], {(*line[:2], line[3]): [line[2], *line[4:]] for line in split[2:]}


def test_no_rows_make_the_papers_tables():
    header, found = lines(render([]), COLUMNS[0].title)
    assert header == ["model", "β", "paper", "schedule", "linear SVM", "RBF SVM"]
    assert found["Factored", "4", ""] == ["6.82", "", ""]
    assert found["VAE", "1", ""] == ["1.08", "", ""]
    assert len(found) == 9


def test_one_row_stands_in_both_columns_that_it_serves():
    text = render([row(CELL, d_score=7.125, transfer=0.5, rbf=(6.0, 0.75))])
    _, found = lines(text, COLUMNS[0].title)
    assert found["Factored", "1", "short"] == ["6.71", "**7.12** (1)", "6.00 (1)"]
    assert found["Factored", "2", ""] == ["6.74", "", ""]
    assert len(found) == 9
    # two static features: n = 2 of table 2
    _, found = lines(text, "static accuracy, bouncing MNIST, n = 2")
    assert found["Factored", "1", "short"] == ["0.71", "0.50 (1)", "**0.75** (1)"]


def test_seeds_make_a_mean_and_students_interval():
    rows = [row(replace(CELL, seed=i), d_score=d) for i, d in enumerate((2.0, 3.0, 4.0))]
    _, found = lines(render(rows), COLUMNS[0].title)
    # standard deviation 1, t(0.975, 2) = 4.303
    assert found["Factored", "1", "short"][1] == "3.00 ± 2.48 (3)"


def test_schedules_never_share_a_line_and_a_try_out_has_none():
    rows = [row(CELL, name, d_score=d) for name, d in (("short", 1), ("paper", 2), ("smoke", 9))]
    _, found = lines(render(rows), COLUMNS[0].title)
    assert found["Factored", "1", "paper"] == ["6.71", "2.00 (1)", "2.00 (1)"]
    assert found["Factored", "1", "short"] == ["6.71", "1.00 (1)", "2.00 (1)"]
    assert len(found) == 10
    assert "smoke" not in render(rows)


def test_the_figure_is_drawn(tmp_path):
    rows = [row(replace(CELL, seed=i), d_score=2.0 + i) for i in range(2)]
    assert draw(rows, tmp_path / "tables.png").stat().st_size > 10_000


def test_the_figure_has_a_line_of_panels_for_each_schedule_that_has_rows():
    rows = [row(CELL, name, d_score=d) for name, d in (("short", 1), ("paper", 2), ("smoke", 9))]
    panels = _figure(rows).axes
    assert len(panels) == 2 * len(COLUMNS)
    (paper, linear, rbf), short = panels[0].lines[:3], panels[len(COLUMNS)].lines[1]
    assert list(paper.get_ydata()) == [NUMBERS[place][0] for place in PLACES]
    assert (*linear.get_ydata(), *rbf.get_ydata(), *short.get_ydata()) == (2, 2, 1)
    assert [panel.get_ylabel() for panel in panels[:: len(COLUMNS)]] == ["paper", "short"]
    assert len(_figure([row(CELL, name, d_score=2) for name in SCHEDULES]).axes) == 40


def test_a_schedule_stands_where_it_has_a_number():
    rows = [row(Cell("mnist", "factored", 4, 4)), row(Cell("chairs", "factored", 8, 4), "recipe")]
    (_, mnist), (_, chairs) = (lines(render(rows), column.title) for column in COLUMNS[:2])
    assert {schedule for *_, schedule in mnist} == {"", "short"}
    assert {schedule for *_, schedule in chairs} == {"", "recipe"}
