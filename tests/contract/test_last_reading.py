"""The last register of a contract: what was used before its end is charged, or left for a person; never nobody's."""

from __future__ import annotations

import pytest

from gateway.prepayment.agenda import RolloverKind
from gateway.prepayment.events import AccountClosed, Restarted, TimeTrust
from gateway.prepayment.ledger import Entry, EntryKind, Happening, Verdict, VerdictStatus
from gateway.prepayment.operations import RolledOver
from gateway.prepayment.posting import Posting, PostingKind
from gateway.prepayment.register import CaseKind
from gateway.prepayment.supply import SupplyState
from tests.contract.test_unknowns import holder
from tests.prepayment.worlds import HOUR_MS, NANO, World, opened, world

NIGHT_MS = 10 * HOUR_MS


def lived() -> World:
    """An hour with 1000 Wh, read every five minutes."""
    made = world(100 * NANO)
    made.use(1_000)
    return made


def silent(made: World, ms: int = NIGHT_MS) -> World:
    """The meter does not answer for so long."""
    made.running_ms += ms
    made.utc_ms += ms
    return made


def close(made: World, final_wh: int | None = None) -> Verdict:
    """The end of the contract."""
    verdict = made.post(AccountClosed(made.now(), "close-1", "moved", final_register_wh=final_wh)).verdict
    assert verdict is not None
    return verdict


def charged_nano(made: World) -> int:
    """What all charges come to."""
    return -sum(one.amount_nano for one in made.records if isinstance(one, Entry) and one.kind is EntryKind.CHARGE)


def found(made: World, what: str) -> list[dict[str, str | int]]:
    """The details of what happened under this name."""
    return [dict(one.detail) for one in made.records if isinstance(one, Happening) and one.what == what]


def test_a_register_read_on_site_is_charged_up_to() -> None:
    """S2-10, I5: the meter has been silent for a night; what somebody read at it closes the account exactly."""
    made = silent(lived())
    verdict = close(made, 4_200)
    assert (verdict.reason, dict(verdict.detail)["register_wh"]) == ("", 4_200)
    assert charged_nano(made) == 4_200 * 250_000
    [*_, charge] = [one for one in made.records if isinstance(one, Entry)]
    assert (charge.from_register_wh, charge.to_register_wh) == (1_000, 4_200)
    assert made.account.balance_nano == 100 * NANO - charged_nano(made)
    made.register_wh = 4_500
    for _ in range(3):
        silent(made, 60_000).read()
    assert made.account.register.cases == (), "it was read at the end: what comes later is not this contract's"


@pytest.mark.parametrize("final_wh", [0, 999, 200_000])
def test_a_register_that_cannot_be_is_refused(final_wh: int) -> None:
    """S2-10: below the last reading, or more than rated power allows since; the contract stays open."""
    made = silent(lived())
    verdict = close(made, final_wh)
    assert (verdict.reason, dict(verdict.detail)["last_wh"]) == ("implausible_register", 1_000)
    assert made.account.supply.state is SupplyState.NORMAL


def test_a_display_without_decimals_may_lie_just_below() -> None:
    """S2-40: whole kWh; nothing is charged or given back for the rest, and the row says what was read."""
    made = lived()
    made.use(500, hours=0.5)
    assert close(made, 1_000).reason == ""
    assert (charged_nano(made), made.account.register.wh) == (1_500 * 250_000, 1_500)


def test_an_end_without_a_reading_leaves_the_difference_as_a_case() -> None:
    """I6: the answer says that the last reading is missing; when the meter is read again a person can settle it."""
    made = silent(lived())
    verdict = close(made)
    assert (verdict.reason, dict(verdict.detail)["register_wh"]) == ("final_reading_missing", 1_000)
    assert made.account.unread_end
    made.register_wh = 5_000
    silent(made, 60_000).read()
    [case] = made.account.register.cases
    assert (case.kind, case.from_wh, case.to_wh, case.wh) == (CaseKind.DISCONTINUITY, 1_000, 5_000, 4_000)
    assert (charged_nano(made), made.account.unread_end) == (1_000 * 250_000, False)
    [told] = found(made, "register.discontinuity")
    assert (told["case_id"], told["wh"]) == (case.case_id, 4_000)
    made.register_wh = 5_900
    silent(made, 60_000).read()
    assert made.account.register.cases == (case,)
    settle = Posting(made.now(), "p", 1, PostingKind.ADJUSTMENT, -NANO, "CHF", "P-1", case_id=case.case_id)
    assert made.post(settle).verdict == Verdict(VerdictStatus.APPLIED, "", (("sequence", 1),))
    assert made.account.register.cases == ()


def test_a_register_that_leapt_after_the_end_is_one_case() -> None:
    """I6: more than rated power allows is quarantined first, and is the same difference only once."""
    made = silent(lived(), 60 * HOUR_MS)
    close(made)
    made.register_wh = 10_000_000
    for _ in range(4):
        silent(made, 60_000).read()
    assert [case.wh for case in made.account.register.cases] == [9_999_000]
    assert len(found(made, "register.discontinuity")) == 1
    assert not made.account.unread_end


def test_a_fresh_reading_is_the_last_one() -> None:
    """S2-10: a meter that answers needs nobody on site."""
    made = lived()
    assert close(made).reason == ""
    assert not made.account.unread_end
    never = World(opened(register_wh=None))
    assert close(never).reason == "final_reading_missing"
    never.register_wh = 700
    for _ in range(4):
        silent(never, 60_000).read()
    assert (never.account.register.cases, never.account.usage.wh) == ((), 0)


def absent() -> World:
    """Off for a night, and back without a clock: 3000 Wh wait for the time."""
    made = lived()
    made.post(Restarted(made.now()))
    made.trust = TimeTrust.UNKNOWN
    made.register_wh = 4_000
    for _ in range(3):
        made.running_ms += 60_000
        made.read()
    [case] = made.account.register.cases
    assert (case.kind, case.wh) == (CaseKind.UNOBSERVED, 3_000)
    return made


def test_an_absence_that_waits_for_the_time_is_charged_at_the_end_if_it_is_known() -> None:
    """I6, S2-10: no reading of this contract will follow; the time came with the order."""
    made = absent()
    made.trust = TimeTrust.AUTHENTICATED
    made.utc_ms += NIGHT_MS
    assert close(made).reason == ""
    assert (charged_nano(made), made.account.register.cases) == (4_000 * 250_000, ())
    assert made.account.balance_nano == 100 * NANO - charged_nano(made)


def test_an_absence_of_unknown_length_is_left_for_a_person() -> None:
    """I6, S2-10: as a case that a posting on the closed account settles; later readings do not make it vanish."""
    made = absent()
    assert close(made).reason == ""
    [case] = made.account.register.cases
    assert (case.kind, case.wh, charged_nano(made)) == (CaseKind.DISCONTINUITY, 3_000, 1_000 * 250_000)
    made.trust = TimeTrust.AUTHENTICATED
    made.utc_ms += NIGHT_MS
    silent(made, 60_000).read()
    assert made.account.register.cases == (case,)
    assert found(made, "register.unobserved_charged") == []


def test_a_change_of_holder_leaves_the_absence_with_the_old_one() -> None:
    """S2-03, I6: it was used before the next holder; the old account charges it or keeps the case."""
    for trust, wh in ((TimeTrust.AUTHENTICATED, 4_000), (TimeTrust.UNKNOWN, 1_000)):
        made = absent()
        made.trust = trust
        made.utc_ms += NIGHT_MS
        request = RolledOver(made.now(), "r-1", RolloverKind.VOLTURA, holder(made))
        outcome = made.post(request)
        assert outcome.opened is not None
        assert outcome.opened.register.cases == ()
        assert charged_nano(made) == wh * 250_000
        assert sum(case.wh for case in made.account.register.cases) == 4_000 - wh
