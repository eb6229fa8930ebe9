"""`check` says of each kind of meter, switch and limit what it is; and of each policy when its rungs are legal."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from gateway import plan, plan_arrears, plan_ladder, shipped
from gateway.config.policies import load_policy
from gateway.installation import load
from gateway.plan_warnings import warnings
from gateway.prepayment.calendar import Calendar, Moratorium
from gateway.prepayment.policy import Anchor, Policy, Slots
from gateway.prepayment.supply import Commodity
from tests.config.drafts import A1, A2, GOOD, M1, M2, write
from tests.prepayment.worlds import TERMS, opened, policy, tariff

PLAIN = """\
[[meter]]
id = "m1"
bus = "rs485-1"
address = 1
model = "hiking-dds238"
rated_power_w = 13800
"""
OUTPUT = """\
[[meter]]
id = "m2"
bus = "lan-1"
address = 1
model = "abb-b23"
rated_power_w = 17300
word_order = "big"
accept_unverified = true
switch = { kind = "output", channel = 0, energised = "closed", when_dead = "holds" }
limiter = { kind = "switched" }
"""
THRESHOLD = """\
[[meter]]
id = "m2"
bus = "lan-1"
address = 1
model = "schneider-iem3155"
rated_power_w = 17300
limiter = { kind = "threshold" }
"""


def told(folder: Path, text: str) -> list[str]:
    """The lines of the plan, without their indentation."""
    return [line.strip() for line in plan.lines(load(write(folder, text)))]


def test_a_meter_that_only_measures_has_no_switch_no_limit_and_no_account(tmp_path: Path) -> None:
    """S1-13: what can neither be cut nor limited is said at the meter, and it is nobody's account."""
    said = told(tmp_path, GOOD.replace(M1, PLAIN).replace(A1, ""))
    begin = next(number for number, line in enumerate(said) if line.startswith("m1  Hiking"))
    assert "supply  no switch" in said[begin : begin + 8]
    assert "limit   none: the rung LIMITED is skipped" in said[begin : begin + 8]
    assert not any(line.startswith("when the gateway is dead") for line in said[begin : begin + 7])
    assert not any(line.startswith("CH-0001") for line in said)


def test_an_output_of_the_meter_says_what_its_wiring_means(tmp_path: Path) -> None:
    """Decision 15: which output, and what the supply is while it is on: a fitter compares it with the cabinet."""
    said = told(tmp_path, GOOD.replace(M2, OUTPUT))
    assert "supply  output 0 of the meter; while it is on, the supply is closed" in said


def test_a_threshold_in_the_meter_says_on_what_it_acts(tmp_path: Path) -> None:
    """Decision 15: the meter limits by itself, through an output that somebody has to wire."""
    said = told(tmp_path, GOOD.replace(M2, THRESHOLD).replace(A2, ""))
    assert "limit   a power threshold in the meter, acts on digital output" in said


def test_a_model_without_slow_registers_is_read_in_one_kind_of_poll(tmp_path: Path) -> None:
    """No second kind of poll is announced for a model that has nothing to be read now and then."""
    text = (shipped.folder() / "meters" / "hiking-dds238.toml").read_text("utf-8")
    slow = 'slow = ["voltage", "current", "power_factor", "frequency"]\n'
    assert slow in text
    (tmp_path / "meters").mkdir()
    (tmp_path / "meters" / "hiking-dds238.toml").write_text(text.replace(slow, ""), "utf-8")
    said = told(tmp_path, GOOD.replace(M2, "").replace(A2, ""))
    assert not any("also:" in line or "in that poll" in line for line in said)
    assert any(line.startswith("reads   every ") for line in said)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("contract_power_w = 3000", "contract_power_w = 3030", "invalid_step (power_w 3030)"),
        ('"20.00"', '"5000.00"', "balance_above_cap (cap 2000.00 CHF)"),
    ],
)
def test_an_account_that_the_first_start_refuses_is_not_said_to_open(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    """S2-07, S0-11: who runs `check` reads why there will be no account, not the credit it would have."""
    said = told(tmp_path, GOOD.replace(old, new, 1))
    assert f"account is refused at the first start: {why}, from gateway.toml" in said
    assert len([line for line in said if line.startswith("account opens at the first start")]) == 1


def test_a_post_paid_account_that_is_refused_has_no_terms(tmp_path: Path) -> None:
    """S2-07: no dates of an account that will not be there; its neighbour keeps its own."""
    text = GOOD.replace("contract_power_w = 3000", "contract_power_w = 3030", 1).replace('"20.00"', '"0.00"', 1)
    for old, fresh in (('"prepaid"', '"it-timoe-2026"'), ('"CHF"', '"EUR"'), ('"ch-flat"', '"it-f123"')):
        text = text.replace(old, fresh, 1)
    said = told(tmp_path, text)
    assert "when a bill is not paid: see above why there is no account" in said
    assert not any(line.startswith("for instance") for line in said)
    assert "when credit runs out" in said


def arrears(rules: Policy) -> str:
    """What `check` says of a post-paid account of this policy."""
    account = replace(opened(), policy=rules, domestic=True)
    return "\n".join(plan_arrears.timeline(account, TERMS, opens="the switch opens", limits="by switching"))


def shipped_policy(name: str) -> Policy:
    """One of the policies that come with the gateway."""
    return load_policy(shipped.folder() / "policies" / f"{name}.toml")


def test_each_term_before_an_order_is_said_and_no_other() -> None:
    """V11, S3-13, S1-09: working days, days from the notification, days from an anchor: those that the policy has."""
    multi = shipped_policy("multiservice")
    assert multi.delinquency is not None
    due = replace(multi, delinquency=replace(multi.delinquency, request_working_days=0, anchor=Anchor.DUE))
    assert "on a signed order, at least 40 days after the due date" in arrears(due)
    notice = replace(multi, delinquency=replace(multi.delinquency, request_working_days=0, anchor=Anchor.NOTICE))
    assert "on a signed order, at least 40 days after the notification" in arrears(notice)
    bare = replace(multi, delinquency=replace(multi.delinquency, request_working_days=0, suspend_after_days=0))
    assert "on a signed order, at least 0 working days after the final term:" in arrears(bare)


def test_no_example_is_made_of_a_year_that_the_calendar_does_not_know() -> None:
    """V1: a date that may be wrong is worse than none: a policy of after the last year of holidays shows no dates."""
    rules = shipped_policy("it-timoe-2026")
    calendar = TERMS.calendars["test"]
    now = replace(rules, calendar="test")
    assert "for instance: due " in arrears(now)
    later = replace(now, valid_from=f"{max(calendar.years) + 1}-01-01")
    assert "for instance" not in arrears(later)
    unknown = replace(now, calendar="nowhere")
    assert "for instance" not in arrears(unknown)


def test_no_example_is_made_where_no_slot_is_ever_open() -> None:
    """V1, I8: with every day closed nobody is cut, and `check` promises no day on which it would happen."""
    rules = replace(shipped_policy("it-timoe-2026"), calendar="test")
    assert "suspended on" in arrears(rules)
    assert "for instance" not in arrears(replace(rules, slots=replace(rules.slots, closed_weekdays=tuple(range(7)))))


def test_a_debt_that_ends_the_limited_rung_early_is_said() -> None:
    """S1-12, decision 12: who is limited and goes on using more than the cap is cut before the ten days are over."""
    rules = replace(shipped_policy("prepaid"), limit_debt_cap_nano=40_000_000_000)
    said = "\n".join(plan_ladder.timeline(rules, 3000, can_limit=True, opens="the switch opens", limits="so"))
    assert "SUSPENDED   after 10 calendar days in LIMITED (or 40.00 CHF of debt): the switch opens" in said


FROST = Moratorium("frost", (Commodity.GAS,), (2026,), ())
HEAT = Moratorium("heat", (Commodity.ELECTRICITY,), (2026, 2027, 2028, 2029), ())


@pytest.mark.parametrize(
    ("names", "said"),
    [((), []), (("heat",), []), (("frost",), ["moratorium 'frost' ends with 2026"])],
)
def test_only_the_moratoria_of_the_policy_are_told(names: tuple[str, ...], said: list[str]) -> None:
    """I8: a season of the calendar that a policy does not observe may end without a word."""
    calendars = {"test": Calendar("test", (2026, 2027, 2028), frozenset(), (FROST, HEAT))}
    rules = replace(policy(), slots=Slots(moratoria=names))
    found = warnings([("CH-1", rules, (tariff(),))], calendars, date(2026, 6, 1))
    assert [one.split(":")[0] for one in found] == said


def test_a_calendar_that_is_not_there_is_not_told_to_end() -> None:
    """Decision 3: the store may name a calendar that this machine lost; its end is nobody's to predict."""
    rules = replace(policy(), slots=Slots(moratoria=("frost",)))
    assert warnings([("CH-1", rules, (tariff(),))], {}, date(2026, 6, 1)) == []
