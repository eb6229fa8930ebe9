from datetime import date
from pathlib import Path

import msgspec
import pytest

from gateway import shipped
from gateway.config.calendars import (
    CalendarDocument,
    MoratoriumDocument,
    load_calendar,
    load_moratorium,
    to_calendar,
    to_moratorium,
)
from gateway.errors import ConfigError
from gateway.prepayment.calendar import Moratorium
from gateway.prepayment.supply import Commodity
from tests.config.drafts import examine

CALENDARS = shipped.folder() / "calendars"
ITALY_2026 = "01-01 01-06 04-05 04-06 04-25 05-01 06-02 08-15 10-04 11-01 12-08 12-25 12-26"
TICINO_2026 = "01-01 01-06 03-19 04-06 05-01 05-14 05-25 06-04 06-29 08-01 08-15 11-01 12-08 12-25 12-26"
YEARS = range(2024, 2033)


@pytest.mark.parametrize(("name", "days"), [("it", ITALY_2026), ("ch-ti", TICINO_2026)])
def test_the_shipped_lists_are_those_of_the_requirements(name: str, days: str) -> None:
    """Requirements 4.4, every holiday of 2026, among them 4 October in Italy and no Good Friday in either."""
    calendar = load_calendar(CALENDARS / f"{name}.toml")
    assert sorted(day for day in calendar.holidays if day.startswith("2026")) == [f"2026-{day}" for day in days.split()]


@pytest.mark.parametrize("path", sorted(CALENDARS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_calendar_covers_2024_to_2032(path: Path) -> None:
    """Nine years, each with its Christmas, under the name of the file."""
    calendar = load_calendar(path)
    assert calendar.name == path.stem
    assert calendar.years == tuple(YEARS)
    assert all(calendar.is_holiday(date(year, 12, 25)) for year in YEARS)


def test_the_bands_have_a_list_of_their_own() -> None:
    """Eleven F3 holidays a year; 4 October is legal but not known to be F3 (requirements 4.4)."""
    found = {path.stem: load_calendar(path) for path in CALENDARS.glob("*.toml")}
    assert [len([day for day in found["it-bands"].holidays if day.startswith(str(year))]) for year in YEARS] == [11] * 9
    assert found["it-bands"].holidays < found["it"].holidays
    assert [year for year in YEARS if found["it"].is_holiday(date(year, 10, 4))] == list(range(2026, 2033))
    assert not any(found["it-bands"].is_holiday(date(year, 10, 4)) for year in YEARS)


@pytest.mark.parametrize(
    ("years", "holidays", "key"),
    [
        ((2026, 2027), {"2026-12-25": "Natale"}, "years"),
        ((2026,), {"2026-12-25": "Natale", "2027-01-01": "Capodanno"}, "years"),
        ((2026,), {"25.12.2026": "Natale"}, "holidays.25.12.2026"),
        ((2026,), {"2026-02-29": "leap"}, "holidays.2026-02-29"),
    ],
)
def test_a_list_that_cannot_be_complete_is_refused(years: tuple[int, ...], holidays: dict[str, str], key: str) -> None:
    """A year without holidays, or holidays of a year not said to be covered, would be a silent gap."""
    with pytest.raises(ConfigError) as caught:
        to_calendar(CalendarDocument("x", "d", "s", years, holidays), "x.toml")
    assert caught.value.key == key


def test_a_calendar_under_another_name_is_told(tmp_path: Path) -> None:
    """A policy names a calendar by its file; one that calls itself otherwise was probably copied and not edited."""
    own = tmp_path / "calendars" / "mine.toml"
    own.parent.mkdir()
    own.write_text((CALENDARS / "it.toml").read_text(encoding="utf-8"), encoding="utf-8")
    installation, errors, warnings = examine(tmp_path)
    assert errors == []
    assert f"calendar 'mine': the calendar in {own} calls itself 'it'" in warnings
    assert installation is not None
    assert {"ch-ti", "it", "it-bands", "mine"} <= installation.configuration.calendars.keys()


WINTER = {"2025-11-01": "2026-03-31"}


@pytest.mark.parametrize("path", sorted((shipped.folder() / "moratoria").glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_moratorium_covers_the_years_of_the_calendars(path: Path) -> None:
    """Requirements 4.4: the same nine years, under the name of the file, and marked as an example."""
    moratorium = load_moratorium(path)
    assert moratorium.name == path.stem
    assert moratorium.years == tuple(YEARS)
    assert "example = true" in path.read_text(encoding="utf-8")


def test_the_shipped_seasons() -> None:
    """Winter is about both commodities and reaches over the end of every year; heat is about electricity."""
    winter = load_moratorium(shipped.folder() / "moratoria" / "winter.toml")
    heat = load_moratorium(shipped.folder() / "moratoria" / "heat.toml")
    assert (winter.commodities, heat.commodities) == (tuple(Commodity), (Commodity.ELECTRICITY,))
    for year in YEARS:
        months = [date(year, month, 15) for month in range(1, 13)]
        assert [day.month for day in months if winter.in_force(day)] == [1, 2, 3, 11, 12]
        assert [day.month for day in months if heat.in_force(day)] == [7, 8]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"moratorium": "Frost!"}, "moratorium"),
        ({"commodities": ()}, "commodities"),
        ({"years": ()}, "years"),
        ({"periods": {"01.11.2025": "2026-03-31"}}, "periods.01.11.2025"),
        ({"periods": {"2025-11-01": "2026-02-29"}}, "periods.2025-11-01"),
        ({"periods": {"2026-03-31": "2026-03-30"}}, "periods.2026-03-31"),
        ({"periods": {"2027-11-01": "2028-03-31"}}, "periods.2027-11-01"),
    ],
)
def test_a_moratorium_that_protects_nobody_is_refused(change: dict[str, object], key: str) -> None:
    """A slip in a date would silently leave people unprotected: the key is named instead."""
    made = MoratoriumDocument("frost", "d", "s", (Commodity.GAS,), (2025, 2026), WINTER)
    assert to_moratorium(made, "x.toml") == Moratorium(
        "frost", (Commodity.GAS,), (2025, 2026), (("2025-11-01", "2026-03-31"),)
    )
    with pytest.raises(ConfigError) as caught:
        to_moratorium(msgspec.structs.replace(made, **change), "x.toml")
    assert caught.value.key == key


def test_a_policy_that_names_an_unknown_moratorium(tmp_path: Path) -> None:
    """`check` refuses it with the nearest that exists; one of the operator's own is found and known by its file."""
    for folder in ("policies", "moratoria"):
        (tmp_path / folder).mkdir()
    text = (shipped.folder() / "policies" / "prepaid.toml").read_text(encoding="utf-8")
    own = tmp_path / "policies" / "prepaid.toml"
    own.write_text(text.replace("[slots]", '[slots]\nmoratoria = ["wynter", "mine"]'), encoding="utf-8")
    frost = (shipped.folder() / "moratoria" / "winter.toml").read_text(encoding="utf-8")
    (tmp_path / "moratoria" / "mine.toml").write_text(frost, encoding="utf-8")
    _, errors, warnings = examine(tmp_path)
    assert errors == [f"{own}: slots.moratoria: there is no moratorium 'wynter'; did you mean 'winter'?"]
    mine = tmp_path / "moratoria" / "mine.toml"
    assert f"moratorium 'mine': the moratorium in {mine} calls itself 'winter'" in warnings
    own.write_text(text.replace("[slots]", '[slots]\nmoratoria = ["mine"]'), encoding="utf-8")
    installation, errors, _ = examine(tmp_path)
    assert errors == []
    assert installation is not None
    known = installation.configuration.calendars["ch-ti"].moratoria
    assert [moratorium.name for moratorium in known] == ["heat", "mine", "winter"]
    mine.write_text("moratorium = 'mine'", encoding="utf-8")
    assert "this key is missing" in examine(tmp_path)[1][0]


def test_the_guide_shows_what_works(tmp_path: Path) -> None:
    """The file in docs/calendars.md is one the gateway reads, and its table names every shipped calendar."""
    guide = (shipped.folder().resolve().parent / "docs" / "calendars.md").read_text(encoding="utf-8")
    file = tmp_path / "heat.toml"
    file.write_text(guide.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    heat = load_moratorium(file)
    assert [heat.in_force(date(2027, 7, day)) for day in (1, 20, 21)] == [True, True, False]
    assert not heat.in_force(date(2026, 7, 10)), "a covered year without a period"
    assert [path.stem for path in CALENDARS.glob("*.toml") if f"`{path.stem}`" not in guide] == []
