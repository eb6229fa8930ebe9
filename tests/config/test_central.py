"""Policies with `initiator = "central"`: the presets as the sources have them, and mistakes named by their key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway import shipped
from gateway.config import document
from gateway.config.policies import PolicyDocument, load_policy, to_policy
from gateway.errors import ConfigError
from gateway.prepayment.policy import Anchor, Initiator, Reconnect, Slots
from tests.config.drafts import A1, A2, GOOD, examine

POLICIES = shipped.folder() / "policies"
NANO = 1_000_000_000


def raw(name: str = "it-timoe-2026") -> dict[str, Any]:
    """A preset as raw TOML content, to be spoilt."""
    return tomllib.loads((POLICIES / f"{name}.toml").read_text(encoding="utf-8"))


def refusal(content: dict[str, Any]) -> ConfigError:
    """The error this content is refused with."""
    with pytest.raises(ConfigError) as caught:
        to_policy(document.convert(content, PolicyDocument, where="p.toml"), "p.toml")
    return caught.value


@pytest.mark.parametrize(
    ("name", "limit_days", "notice_after", "working", "notified", "suspend_after"),
    [
        ("estenergy-electricity", 10, 0, 3, (0, 0, 0), 0),
        ("estenergy-gas", None, 0, 3, (0, 0, 0), 0),
        ("multiservice", None, 20, 0, (0, 0, 0), 40),
        ("it-timoe-2026", 15, 0, 3, (25, 40, 40), 0),
        ("it-gas-2026", None, 0, 3, (40, 40, 40), 0),
    ],
)
def test_the_presets_are_those_of_the_sources(
    name: str,
    limit_days: int | None,
    notice_after: int,
    working: int,
    notified: tuple[int, int, int],
    suspend_after: int,
) -> None:
    """S1-07..S1-14, S3-13, requirements 2.6: a utility's rules are a file."""
    policy = load_policy(POLICIES / f"{name}.toml")
    rules = policy.delinquency
    assert rules is not None
    assert (policy.initiator, policy.currency, policy.time_zone) == (Initiator.CENTRAL, "EUR", "Europe/Rome")
    assert (policy.limit_term.days if policy.limit_enabled else None) == limit_days
    assert policy.limit_percent == 15
    assert (rules.notice_after_days, rules.request_working_days) == (notice_after, working)
    assert (rules.notified_limited_days, rules.notified_other_days, rules.notified_gas_days) == notified
    assert (rules.anchor, rules.suspend_after_days, rules.terminate_days) == (Anchor.NOTICE, suspend_after, 20)
    assert (rules.pay_registered_days, rules.pay_certified_days, rules.pay_unproven_days) == (15, 10, 20)
    assert policy.slots == Slots(
        (4, 5, 6), closed_on_holidays=True, closed_on_eves=True, from_minute=480, to_minute=900
    )
    assert policy.reconnect is Reconnect.AUTO


def test_what_is_owed_for_delay_and_for_a_wrong_cut_is_data() -> None:
    """S1-18, S1-19, 3.1: TUR + 3.5 points, ten days at the legal rate; 30 and 20 euro."""
    rules = load_policy(POLICIES / "it-timoe-2026.toml").delinquency
    assert rules is not None
    assert rules.interest is not None
    assert rules.indemnity is not None
    assert (rules.interest.base, rules.interest.spread_ppm) == ("TUR", 35_000)
    assert (rules.interest.good_payer_years, rules.interest.good_payer_days) == (2, 10)
    assert (rules.indemnity.no_notice_nano, rules.indemnity.wrong_term_nano) == (30 * NANO, 20 * NANO)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("low_credit", {"amount": "1.00", "hysteresis": "0.00"}),
        ("grace", {"term": "72h", "debt_cap": "1.00", "warn_before": "1h", "min_after_notice": "1h"}),
        ("caps", {"top_up": "1.00", "balance": "1.00"}),
        ("restore.min_balance", "0.00"),
        ("guards.offline_debt_cap", "30.00"),
        ("limit.debt_cap", "30.00"),
    ],
)
def test_a_central_policy_has_no_threshold_of_credit(key: str, value: object) -> None:
    """Invariant 12 of 2.8: nothing in the file could let the account decide by itself."""
    content = raw()
    table, _, name = key.partition(".")
    if name:
        content[table][name] = value
    else:
        content[table] = value
    error = refusal(content)
    assert error.key == key
    assert 'no meaning with initiator = "central"' in str(error)


@pytest.mark.parametrize("key", ["low_credit", "grace", "caps", "restore.min_balance", "guards.offline_debt_cap"])
def test_a_local_policy_misses_none_of_them(key: str) -> None:
    """What can hurt a customer has no default."""
    content = raw("prepaid")
    table, _, name = key.partition(".")
    if name:
        del content[table][name]
    else:
        del content[table]
    error = refusal(content)
    assert error.key == key
    assert "missing" in str(error)


def test_terms_of_arrears_belong_to_a_central_policy_alone() -> None:
    """Two decision makers (requirements 0.1), never mixed in one file."""
    content = raw()
    del content["delinquency"]
    assert refusal(content).key == "delinquency"
    assert refusal({**raw("prepaid"), "delinquency": raw()["delinquency"]}).key == "delinquency"


def test_gas_never_comes_back_by_itself() -> None:
    """Decision 14: no file can say so, prepaid or not; electricity may wait, too."""
    for name in ("prepaid", "it-gas-2026"):
        content = raw(name)
        content["restore"]["gas"] = "auto"
        assert refusal(content).key == "restore.gas"
    content = raw("prepaid")
    content["restore"]["electricity"] = "armed"
    policy = to_policy(document.convert(content, PolicyDocument, where="p.toml"), "p.toml")
    assert policy.reconnect is Reconnect.ARMED


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("debt_floor", "-1.00", "below zero"),
        ("debt_floor", 0, "put it in quotes"),
        ("notice.after_due_days", -1, "not 0 to 366"),
        ("notice.certified_mail_days", 0, "not 1 to 366"),
        ("notice.unproven_days", 14, "less time than a proven one"),
        ("request.working_days", 367, "not 0 to 366"),
        ("request.notified_gas_days", -40, "not 0 to 366"),
        ("suspend.anchor", "letter", "letter"),
        ("suspend.after_days", 400, "not 0 to 366"),
        ("terminate.after_suspension_days", 19, "not 20 to 366"),
        ("interest.spread_percent", "3,5", "not a percentage"),
        ("interest.base", " ", "is empty"),
        ("interest.good_payer_days", -1, "not 0 to 366"),
        ("indemnity.no_notice", "-30.00", "below zero"),
        ("request.days", 3, "unknown key"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(key: str, value: object, says: str) -> None:
    """S1-14 and 3.1 are the least that a file may say: never under 20 days to the end of a contract."""
    content = raw()
    *tables, name = f"delinquency.{key}".split(".")
    inner = content
    for table in tables:
        inner = inner.setdefault(table, {})
    inner[name] = value
    error = refusal(content)
    assert error.key == f"delinquency.{key}"
    assert says in str(error)


def test_an_order_is_held_against_days_not_hours() -> None:
    """Requirements 2.2: the rung of reduced power ends on a civil day."""
    content = raw()
    content["limit"]["term"] = "240h"
    assert refusal(content).key == "limit.term"


def test_a_post_paid_account_stands_in_the_configuration(tmp_path: Path) -> None:
    """Requirements 2.4, S1-11: an installation that a central system decides is read like any other."""
    account = A1.replace("CHF", "EUR").replace('"prepaid"', '"it-timoe-2026"').replace('"ch-flat"', '"it-f123"')
    installation, errors, _ = examine(tmp_path, GOOD.replace(A1, account).replace(A2, ""))
    assert errors == []
    assert installation is not None
    assert installation.configuration.policies["it-timoe-2026"].initiator is Initiator.CENTRAL
