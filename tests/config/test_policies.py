import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import shipped
from gateway.config import document
from gateway.config.policies import PolicyDocument, load_policy, to_policy
from gateway.errors import ConfigError
from gateway.prepayment.policy import DayKind, Initiator, Slots, Term

POLICIES = shipped.folder() / "policies"
HOUR_MS = 3_600_000
NANO = 1_000_000_000


def raw(name: str = "prepaid") -> dict[str, Any]:
    """A shipped policy as raw TOML content, to be spoilt."""
    return tomllib.loads((POLICIES / f"{name}.toml").read_text(encoding="utf-8"))


def refusal(content: dict[str, Any]) -> ConfigError:
    """The error this content is refused with."""
    with pytest.raises(ConfigError) as caught:
        to_policy(document.convert(content, PolicyDocument, where="p.toml"), "p.toml")
    assert caught.value.file == "p.toml"
    return caught.value


def test_the_default_policy_says_what_the_readme_says() -> None:
    """Alert at 10.00 or 3 days, 72 h grace with a cap of 15.00, 15 % for 10 days, restored at zero (section 2.6)."""
    policy = load_policy(POLICIES / "prepaid.toml")
    assert (policy.policy_id, policy.version, policy.currency) == ("prepaid", 1, "CHF")
    assert policy.initiator is Initiator.LOCAL
    assert (policy.low_credit_nano, policy.low_credit_days) == (10 * NANO, 3)
    assert (policy.grace, policy.grace_debt_cap_nano) == (Term(duration_ms=72 * HOUR_MS), 15 * NANO)
    assert policy.min_after_notice_ms == 24 * HOUR_MS
    assert (policy.limit_enabled, policy.limit_percent) == (True, 15)
    assert policy.limit_term == Term(days=10, day_kind=DayKind.CALENDAR)
    assert policy.restore_min_nano == 0
    assert policy.slots == Slots(
        (4, 5, 6), closed_on_holidays=True, closed_on_eves=True, from_minute=480, to_minute=900
    )
    assert (policy.max_reading_age_ms, policy.max_offline_ms) == (900_000, 72 * HOUR_MS)


def test_cashline_has_no_limited_power() -> None:
    """SES: grace and then cut-off; 48 h and 20 CHF are examples (section 2.6)."""
    policy = load_policy(POLICIES / "ses-cashline.toml")
    assert not policy.limit_enabled
    assert (policy.grace, policy.grace_debt_cap_nano) == (Term(duration_ms=48 * HOUR_MS), 20 * NANO)


def test_slots_know_seasons_and_hours_of_help() -> None:
    """S0-07: left out, nothing of it counts; written, the stretches are sorted and the hours are durations."""
    plain = load_policy(POLICIES / "prepaid.toml").slots
    assert (plain.moratoria, plain.help_hours, plain.min_open_after_ms) == ((), (), 0)
    content = raw()
    content["slots"] |= {
        "moratoria": ["winter", "heat"], "help_hours": ["13:30-17:00", "08:30-12:00"], "min_open_after": "7h",
    }  # fmt: skip
    slots = to_policy(document.convert(content, PolicyDocument, where="p.toml"), "p.toml").slots
    assert slots.moratoria == ("winter", "heat")
    assert slots.help_hours == ((510, 720), (810, 1020))
    assert slots.min_open_after_ms == 7 * HOUR_MS
    content["slots"]["min_open_after"] = "421 min"
    assert "only 420 minutes of help" in str(refusal(content))
    content["slots"] |= {"help_hours": ["06:00-12:00"], "min_open_after": "241 min"}
    assert "only 240 minutes of help" in str(refusal(content)), "help before the slot opens is of no use"


def test_the_italian_preset_is_in_euro() -> None:
    """5 EUR, 72 h, cap 15 EUR, 15 % for 10 days, the legal calendar of Italy (section 2.6)."""
    policy = load_policy(POLICIES / "it-prepaid.toml")
    assert (policy.currency, policy.time_zone, policy.calendar) == ("EUR", "Europe/Rome", "it")
    assert (policy.low_credit_nano, policy.grace_debt_cap_nano) == (5 * NANO, 15 * NANO)


def test_the_demonstration_walks_the_same_ladder_in_seconds() -> None:
    """Terms of seconds, always in slot, nothing that needs a date."""
    policy = load_policy(POLICIES / "demo.toml")
    assert (policy.grace, policy.limit_term) == (Term(duration_ms=4000), Term(duration_ms=17_000))
    assert (policy.min_after_notice_ms, policy.min_dwell_ms) == (2000, 1000)
    assert policy.slots == Slots()


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_policy_has_its_name_its_calendar_and_a_description(path: Path) -> None:
    """The file is found by the name inside it, and the calendar it names is shipped."""
    policy = load_policy(path)
    assert policy.policy_id == path.stem
    assert (shipped.folder() / "calendars" / f"{policy.calendar}.toml").is_file()


def test_a_command_carries_the_same_document() -> None:
    """The command "set policy" over the wire and the file give the same policy."""
    body = msgspec.json.encode(raw())
    sent = msgspec.json.decode(body, type=PolicyDocument)
    assert to_policy(sent, "set_policy") == load_policy(POLICIES / "prepaid.toml")


def test_an_unknown_key_is_answered_with_the_nearest_one() -> None:
    """A typing error never becomes a silent default."""
    content = raw()
    content["grace"]["dept_cap"] = content["grace"].pop("debt_cap")
    error = refusal(content)
    assert (error.key, error.hint) == ("grace.dept_cap", "did you mean 'debt_cap'?")


def test_a_missing_key_is_named() -> None:
    """What can hurt a customer has no default."""
    content = raw()
    del content["guards"]["max_offline"]
    assert refusal(content).key == "guards.max_offline"


@pytest.mark.parametrize(
    ("section", "key", "value", "says"),
    [
        ("grace", "term", "3 days", "calendar days"),
        ("grace", "term", "72", "a duration like '72h'"),
        ("grace", "term", "72 hours", "unknown unit 'hours'"),
        ("grace", "term", 72, "put it in quotes"),
        ("grace", "debt_cap", 15.0, "put it in quotes"),
        ("grace", "debt_cap", "0.00", "nothing to stand on"),
        ("grace", "debt_cap", "-15.00", "below zero"),
        ("grace", "debt_cap", "15,00", "not an amount"),
        ("grace", "warn_before", "73h", "before grace begins"),
        ("grace", "min_after_notice", "73h", "outlast grace"),
        ("limit", "percent", 0, "not 1 to 100"),
        ("limit", "percent", 101, "not 1 to 100"),
        ("limit", "debt_cap", "15.00", "above grace.debt_cap"),
        ("limit", "enabled", "yes", "expected `bool`"),
        ("slots", "hours", "15:00-08:00", "passes midnight"),
        ("slots", "hours", "8-15", 'like "08:00-15:00"'),
        ("slots", "closed_weekdays", ["friday"], "not a weekday"),
        ("slots", "moratoria", ["Frost Season"], "not a name"),
        ("slots", "moratoria", [f"m{n}" for n in range(9)], "at most 8"),
        ("slots", "help_hours", ["8-12"], 'like "08:00-15:00"'),
        ("slots", "help_hours", ["08:00-12:00", "11:00-17:00"], "overlap"),
        ("slots", "min_open_after", "7h1min", "not a duration"),
        ("slots", "min_open_after", "421 min", "only 420 minutes of help"),
        ("slots", "closed_weekdays", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "no day is left"),
        ("caps", "balance", "100.00", "at least caps.top_up"),
        ("low_credit", "days", -1, "not 0 to 366"),
        ("guards", "max_reading_age", "0s", "15 min"),
        ("guards", "payment_proof_working_days", 61, "not 0 to 60"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(section: str, key: str, value: object, says: str) -> None:
    """The error names the key and tells a product manager what to write."""
    content = raw()
    content[section][key] = value
    error = refusal(content)
    assert error.key.partition("[")[0] == f"{section}.{key}"
    assert says in str(error)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("policy", "My Policy", "not a name"),
        ("version", 0, "count from 1"),
        ("currency", "chf", 'like "CHF"'),
        ("time_zone", "Europe/Locarno", "not a time zone"),
        ("time_zone", "../../etc/passwd", "not a time zone"),
        ("valid_from", "01.01.2026", "not a date"),
        ("valid_to", "2025-12-31", "before valid_from"),
        ("initiator", "nobody", "nobody"),
    ],
)
def test_a_wrong_heading_is_refused(key: str, value: object, says: str) -> None:
    """The same for the keys at the top."""
    error = refusal({**raw(), key: value})
    assert error.key == key
    assert says in str(error)


def test_a_required_rung_must_be_enabled() -> None:
    """An impossible combination is refused when it is read, not when it is needed."""
    content = raw()
    content["limit"] = {"enabled": False, "required": True}
    assert refusal(content).key == "limit.required"
