"""Which tariffs an account takes, which it keeps, and which give way (decision 5)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.prepayment.account import Account, Suspicion
from gateway.prepayment.agreement import TARIFFS_MAX
from gateway.prepayment.events import SuspicionCause, TariffSet, TimeTrust
from gateway.prepayment.tariff import Tariff
from tests.prepayment.test_refusals import NOW, after, said
from tests.prepayment.worlds import DAY_MS, MONDAY_MS, at, opened, tariff


def day(offset: int) -> str:
    """The civil date so many days from Monday."""
    return (datetime.fromtimestamp(MONDAY_MS / 1000, UTC).date() + timedelta(days=offset)).isoformat()


def with_tariffs(*tariffs: Tariff) -> Account:
    """An account whose last dated reading was on Monday."""
    account = opened()
    return replace(account, tariffs=tariffs, register=replace(account.register, dated=at()))


def test_a_tariff_begins_today_at_the_earliest() -> None:
    """Decision 5: a retroactive price is refused, and without a date nobody can tell what is retroactive."""
    new = tariff(tariff_id="n", valid_from=day(0))
    account = with_tariffs(tariff())
    assert after(account, TariffSet(NOW, "t", new)).tariffs == (tariff(), new)
    late = replace(new, valid_from=day(-1))
    assert said(account, TariffSet(NOW, "t", late)) == ("retroactive", {"valid_from": day(-1)})
    undated = TariffSet(at(1_000, TimeTrust.RESTORED), "t", new)
    assert said(account, undated) == ("clock_untrusted", {})
    euro = TariffSet(NOW, "t", replace(new, currency="EUR"))
    assert said(account, euro) == ("wrong_currency", {"expected": "CHF", "got": "EUR"})
    for version in (0, 1):
        stale = TariffSet(NOW, "t", tariff(version=version, valid_from=day(0)))
        assert said(account, stale) == ("stale_version", {})
    two = with_tariffs(tariff(tariff_id="other"), tariff())
    assert said(two, TariffSet(NOW, "t", tariff(valid_from=day(0)))) == ("stale_version", {})
    doubtful = replace(account, suspicion=Suspicion(SuspicionCause.FORK, at()))
    assert after(doubtful, TariffSet(NOW, "t", late)).tariffs == (tariff(), late)  # a forgotten one is not a new one
    newer = tariff(version=2, valid_from=day(3))
    assert after(account, TariffSet(NOW, "t", newer)).tariffs == (tariff(), newer)


def test_a_tariff_is_kept_as_long_as_its_prices_are_needed() -> None:
    """Decision 5: energy used and not read yet has its price from then; what ended before that goes."""
    ended = tariff(tariff_id="old", valid_to=day(-1))
    needed = tariff(tariff_id="mid", valid_to=day(0))
    new = tariff(tariff_id="n", valid_from=day(2))
    account = with_tariffs(ended, needed)
    today = at(DAY_MS)
    assert after(account, TariffSet(today, "t", new)).tariffs == (needed, new)
    read_today = replace(account, register=replace(account.register, dated=today))
    assert after(read_today, TariffSet(today, "t", new)).tariffs == (needed, new)  # the last stays in force
    only_old = replace(read_today, tariffs=(needed, ended))
    assert after(only_old, TariffSet(today, "t", new)).tariffs == (ended, new)
    longer = replace(account, tariffs=(ended, needed, tariff()))
    assert after(longer, TariffSet(today, "t", new)).tariffs == (needed, tariff(), new)
    gone = replace(read_today, tariffs=(ended, replace(ended, tariff_id="two"), replace(ended, tariff_id="three")))
    assert after(gone, TariffSet(today, "t", new)).tariffs == (gone.tariffs[2], new)
    never = replace(account, register=replace(account.register, dated=None))
    assert after(never, TariffSet(today, "t", new)).tariffs == (needed, new)


@pytest.mark.parametrize(
    ("known_to", "new_to", "replaced"),
    [(None, None, True), (day(9), None, True), (day(9), day(9), True), (day(9), day(10), True), (day(9), day(8), False),
     (None, day(9), False)],
)  # fmt: skip
def test_another_product_from_the_same_day_on_replaces_what_it_outlasts(
    known_to: str | None, new_to: str | None, replaced: bool
) -> None:
    """Decision 5: versions of two products cannot be compared, so the one set last stays alone if it lasts as long."""
    known = tariff(tariff_id="a", valid_from=day(1), valid_to=known_to)
    new = tariff(tariff_id="b", valid_from=day(1), valid_to=new_to)
    base = tariff(tariff_id="base")
    account = with_tariffs(base, known)
    kept = after(account, TariffSet(NOW, "t", new)).tariffs
    assert kept == ((base, new) if replaced else (base, known, new))
    same = replace(new, tariff_id="a", version=2)
    assert after(account, TariffSet(NOW, "t", same)).tariffs == (base, known, same)
    other_day = replace(new, valid_from=day(2), valid_to=None)
    assert after(account, TariffSet(NOW, "t", other_day)).tariffs == (base, known, other_day)


def test_eight_tariffs_and_the_oldest_superseded_makes_room() -> None:
    """I20: of those that have begun the first gives way, as long as another that has begun stays."""
    assert TARIFFS_MAX == 8
    begun = [tariff(tariff_id=f"b{number}", valid_from=day(number - 5)) for number in range(2)]
    coming = [tariff(tariff_id=f"c{number}", valid_from=day(number + 1)) for number in range(6)]
    new = tariff(tariff_id="n", valid_from=day(30))
    account = with_tariffs(*reversed(begun), *coming)
    assert after(account, TariffSet(NOW, "t", new)).tariffs == (begun[1], *coming, new)
    seven = with_tariffs(*begun, *coming[:5])
    assert after(seven, TariffSet(NOW, "t", new)).tariffs == (*begun, *coming[:5], new)
    full = with_tariffs(begun[0], *coming, tariff(tariff_id="c9", valid_from=day(9)))
    assert said(full, TariffSet(NOW, "t", new)) == ("too_many_tariffs", {})
    today = with_tariffs(begun[0], tariff(tariff_id="b9", valid_from=day(0)), *coming)
    assert after(today, TariffSet(NOW, "t", new)).tariffs == (*today.tariffs[1:], new)
    versions = with_tariffs(
        tariff(tariff_id="v", version=2, valid_from=day(-3)), tariff(tariff_id="v", valid_from=day(-3)), *coming
    )
    assert after(versions, TariffSet(NOW, "t", new)).tariffs == (versions.tariffs[0], *coming, new)
