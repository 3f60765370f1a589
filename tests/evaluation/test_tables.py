from pyro_factor.evaluation.tables import Listing, markdown, page


def test_columns_are_aligned():
    table = markdown(["a", "long name"], [["1", "2"], ["wide entry", "3"]])
    assert len({len(line) for line in table.splitlines()}) == 1


def test_a_page_has_each_table_beneath_its_title_and_a_line_for_each_row():
    listings = [
        Listing("What\nit is", ("a", "less\nb"), [("1\n[0, 2]", "3")]),
        Listing("N", ("c",), []),
    ]
    assert page(listings).splitlines() == [
        "### What it is",
        "",
        "| a        | less b |",
        "| -------- | ------ |",
        "| 1 [0, 2] | 3      |",
        "",
        "### N",
        "",
        "| c   |",
        "| --- |",
    ]
