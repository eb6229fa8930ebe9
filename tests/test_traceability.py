"""The ids that tests name in their docstrings mean something."""

from __future__ import annotations

import pytest

from tests.traceability import document, ids_in, meanings, named


def test_every_id_a_docstring_names_is_known() -> None:
    """A mistyped id, or one nobody has explained in tests/requirements.toml, would pin nothing."""
    known = {one for kind, table in meanings().items() if kind != "remarks" for one in table}
    assert {name: places for name, places in named().items() if name not in known} == {}


def test_remarks_are_about_known_ids() -> None:
    """Whatever is postponed or checked elsewhere is in the table, with its meaning beside it."""
    tables = meanings()
    remarks = tables.pop("remarks")
    assert set(remarks) <= {one for table in tables.values() for one in table}


ROWS = {"S0": 20, "S1": 21, "S2": 40, "S3": 13, "S4": 28}
"""How many rows were drawn from each source document."""


def test_every_row_of_the_source_documents_is_done_or_is_the_central_system_s() -> None:
    """A row that no test names, that nobody postponed and that is not somebody else's is a rule we forgot."""
    tables, tests = meanings(), named()
    rows = {f"{source}-{number:02d}" for source, count in ROWS.items() for number in range(1, count + 1)}
    ours = {one for one in tables["rules"] if one.startswith("S")}
    assert ours | set(tables["central"]) == rows
    assert ours & set(tables["central"]) == set()
    assert sorted(ours - set(tests) - set(tables["remarks"])) == []


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("S1-11, decision 15, with a relay: 3 kW under 495 W", ["S1-11", "decision 15"]),
        ("I1-I3, I5: hold", ["I1", "I2", "I3", "I5"]),
        ("S0-18..S0-20", ["S0-18", "S0-19", "S0-20"]),
        ("decisions 6, 11-13: told", ["decision 6", "decision 11", "decision 12", "decision 13"]),
        ("Threats 3 and 4: two", ["threat 3", "threat 4"]),
        ("a fork (decision 7, threat 4)", ["decision 7", "threat 4"]),
        ("IO, I2C, S1 and V", []),
    ],
)
def test_ids_are_found_in_prose(text: str, ids: list[str]) -> None:
    """Lists and ranges count for every id inside; other words do not."""
    assert list(ids_in(text)) == ids


def test_an_id_without_a_test_is_shown_as_open() -> None:
    """The page is honest: what no test names is marked, and what is postponed says where it goes."""
    page = document()
    assert "| threat 26 | malicious update, downgrade | *later: the field package" in page
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in page.splitlines() if line.startswith("| ")}
    remarks = meanings()["remarks"]
    missing = set(rows) - set(named()) - set(meanings()["central"]) - {"id", "---"}
    assert {one for one in missing if f"*{remarks.get(one, 'open')}*" not in rows[one]} == set()
