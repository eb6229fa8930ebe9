"""What `check` warns of: calendars that end, example policies at a customer's account; and gas in words of gas."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from gateway import plan
from gateway.installation import load
from gateway.plan_warnings import in_use, warnings
from gateway.prepayment.calendar import Calendar, Moratorium
from gateway.prepayment.policy import Slots
from gateway.prepayment.supply import Commodity, SupplyState
from tests.config.drafts import GOOD, write
from tests.prepayment.worlds import opened, policy, tariff

CALENDARS = {
    "test": Calendar("test", (2026, 2027, 2028), frozenset(), (Moratorium("frost", (Commodity.GAS,), (2026,), ()),)),
    "bands": Calendar("bands", (2026, 2028), frozenset()),
}


def said(day: str, **changes: object) -> list[str]:
    """The warnings of one account on this day."""
    return warnings([("CH-1", replace(policy(), **changes), (tariff(),))], CALENDARS, date.fromisoformat(day))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("day", "word"),
    [("2027-12-31", ""), ("2028-01-01", ""), ("2028-01-02", "ends with 2028"), ("2028-12-31", "ends with 2028"),
     ("2029-01-01", "ended with 2028"), ("2031-05-05", "ended and does not know 2031")],
)  # fmt: skip
def test_a_calendar_that_ends_is_told_a_year_before(day: str, word: str) -> None:
    """Requirements 4.4: nothing escalates in a year without holidays, so somebody must renew the list in time."""
    found = said(day)
    assert len(found) == (1 if word else 0)
    assert all(one.startswith(f"calendar 'test' {word}: nothing gets worse for anybody") for one in found)


def test_moratoria_and_the_calendar_of_the_bands_end_too() -> None:
    """Requirements 0.9: three lists, each with its own end and its own consequence; only those in use are told."""
    assert said("2026-06-01") == []
    [frost] = said("2026-06-01", slots=Slots(moratoria=("frost",)))
    assert frost.startswith("moratorium 'frost' ends with 2026")
    accounts = [("CH-1", policy(), (replace(tariff(), calendar="bands"),))] * 2
    [bands] = warnings(accounts, CALENDARS, date(2026, 6, 1))
    assert bands.startswith("calendar 'bands' ends with 2026: holidays are billed as other days")


def test_an_example_policy_is_nobodys() -> None:
    """Requirements 2: thresholds without a source are marked, and who charges a customer by them is told."""
    hint = "[[account]] 'CH-1' policy: 'test' is an example; its thresholds are nobody's own"
    assert said("2026-06-01", example=True) == [hint]
    assert warnings([("CH-1", replace(policy(), example=True), ())], {}, None) == [hint]


def test_the_terms_in_use_are_the_stores_where_it_has_them() -> None:
    """Decision 3: after the first start the file's names no longer count; an ended contract counts no more."""
    stored = opened()
    ended = replace(stored, account_id="CH-2", supply=replace(stored.supply, state=SupplyState.TERMINATED))
    other = replace(policy(), policy_id="other")
    tables = [("CH-1", "file", "file"), ("CH-2", "file", "file"), ("CH-3", "file", "file"), ("CH-4", "none", "file")]
    found = in_use(tables, {"file": other}, {"file": tariff()}, {"CH-1": stored, "CH-2": ended})
    assert found == [("CH-1", stored.policy, stored.tariffs), ("CH-3", other, (tariff(),))]


def test_check_says_it_all(tmp_path: Path) -> None:
    """S0-11: on the day of the run, for the configuration as it is."""
    text = GOOD.replace('policy = "prepaid"', 'policy = "demo"')
    told = "\n".join(plan.lines(load(write(tmp_path, text)), date(2032, 3, 1)))
    assert "policy: 'demo' is an example; its thresholds are nobody's own" in told
    assert "calendar 'ch-ti' ends with 2032" in told
    assert "calendar" not in "\n".join(plan.lines(load(write(tmp_path, text)), date(2026, 3, 1))).split("Warnings")[1]


def test_gas_is_told_in_words_of_gas(tmp_path: Path) -> None:
    """S1-10: a valve and standard cubic metres; no watts, no switch, no rung of less power."""
    text = GOOD.replace('policy = "prepaid"', 'policy = "it-gas-2026"').replace("ch-flat", "it-gas")
    text = text.replace('currency = "CHF"', 'currency = "EUR"\ncommodity = "gas"').replace('"20.00"', '"0.00"')
    told = plan.lines(load(write(tmp_path, text)), date(2026, 3, 1))
    begin = next(number for number, line in enumerate(told) if line.startswith("  CH-0001"))
    accounts = "\n".join(told[begin : next(n for n, line in enumerate(told) if line.startswith("  CH-0002"))])
    assert "the valve closes" in accounts
    assert "Smc" in accounts
    assert not re.search(r"\b[0-9]+ k?W\b", accounts)
    assert "switch" not in accounts
