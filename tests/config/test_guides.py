from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from gateway import shipped
from gateway.config.calendars import load_calendar
from gateway.config.policies import PolicyDocument, load_policy
from gateway.config.tariffs import TariffDocument
from gateway.prepayment import civil
from gateway.prepayment.calendar import day_term_end, next_slot_utc_ms

ROOT = Path(__file__).parent.parent.parent


def keys(struct: type[msgspec.Struct]) -> Iterator[str]:
    """Every key of a document, those of lists and tables with the name of their table."""
    for field in msgspec.structs.fields(struct):
        inner = [field.type, *getattr(field.type, "__args__", ())]
        tables = [one for one in inner if isinstance(one, type) and issubclass(one, msgspec.Struct)]
        if not tables:
            yield field.encode_name
        for table in tables:
            yield from (f"{field.encode_name}.{key}" for key in keys(table))


@pytest.mark.parametrize(
    ("guide", "struct"), [("docs/policies.md docs/arrears.md", PolicyDocument), ("docs/tariffs.md", TariffDocument)]
)
def test_the_guide_explains_every_key(guide: str, struct: type[msgspec.Struct]) -> None:
    """A key that a file may have is in the table of its guide, by its full name or in the row of its list."""
    text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in guide.split())
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for key in keys(struct):
        table, _, last = key.rpartition(".")
        assert any(f"`{key}`" in row or (table and f"`{table}`" in row and f"`{last}`" in row) for row in rows), key


def test_the_example_of_the_policy_guide_is_right() -> None:
    """The dates told to the product manager are those the rules give."""
    policy = load_policy(shipped.folder() / "policies" / "prepaid.toml")
    calendar = load_calendar(shipped.folder() / "calendars" / f"{policy.calendar}.toml")
    zone = policy.time_zone

    def slot(utc_ms: int) -> str:
        found = next_slot_utc_ms(policy.slots, utc_ms, zone, calendar)
        assert found is not None
        return civil.local_time(found, zone).strftime("%m-%dT%H:%M")

    notice = civil.utc_ms_at(date(2026, 3, 18), 10 * 60, zone)
    assert policy.grace.duration_ms is not None
    assert slot(notice + policy.grace.duration_ms) == "03-23T08:00"
    assert slot(notice + policy.min_after_notice_ms) == "03-23T08:00"
    assert policy.limit_term.days is not None
    ends = day_term_end(date(2026, 3, 23), policy.limit_term.days, policy.limit_term.day_kind, calendar)
    assert ends == date(2026, 4, 3)
    assert slot(civil.midnight_utc_ms(ends, zone)) == "04-07T08:00"
