"""The last register of a contract at its bounds: what is charged, what is refused, and what its certificate says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account
from gateway.prepayment.certificate import Certificate, CertificateQuality, CertificateReason
from gateway.prepayment.ending import closed
from gateway.prepayment.events import AccountClosed, CloseCause, Reading, Restarted, TimeTrust
from gateway.prepayment.ledger import Happening, Verdict, VerdictStatus
from gateway.prepayment.register import CaseKind, Register
from gateway.prepayment.taken import refused
from tests.contract.test_last_reading import NIGHT_MS, absent, close, found, lived, silent
from tests.delinquency.test_endings import suspended
from tests.prepayment.worlds import HOUR_MS, NANO, TERMS, World, at, opened, world

HINT = "the meter was not read lately: what it shows next is left open as a case; settle it with a posting"
AGE_MS = 900_000
"""How old a reading may be to be the last one."""


def standing(wh: int, wraps_at_wh: int | None = None) -> Account:
    """An account with money whose meter shows so much, read just now."""
    made = replace(opened(100 * NANO, register_wh=wh), wraps_at_wh=wraps_at_wh)
    return World(made, register_wh=wh).read().account


def ended_at(account: Account, final_wh: int, ms: int = 0, **terms: int) -> Account | Verdict:
    """The account ended so long after its reading with a register that somebody read, or why not."""
    request = AccountClosed(at(ms), "close-1", "moved", final_register_wh=final_wh)
    taken = closed(account, request, replace(TERMS, **terms))  # type: ignore[arg-type]
    return taken if isinstance(taken, Verdict) else taken.change(account)


MOST_WH = 2_288
"""What the meter may have counted since it was read: a minute of 13.8 kW and a quarter, and two whole kWh."""


@pytest.mark.parametrize(
    ("last_wh", "final_wh", "used_wh", "ends_wh"),
    [
        (1_234, 1_234, 0, 1_234),
        (1_234, 1_235, 1, 1_235),
        (1_234, 1_234 + MOST_WH, MOST_WH, 1_234 + MOST_WH),
        (1_001, 1_000, 0, 1_001),
        (1_999, 1_000, 0, 1_999),
    ],
)
def test_a_register_within_its_bounds_ends_the_contract(
    last_wh: int, final_wh: int, used_wh: int, ends_wh: int
) -> None:
    """S2-10, S2-40: from nothing used to all that the meter can count, and whole kWh from just below the last one."""
    account = ended_at(standing(last_wh), final_wh, 1)
    assert isinstance(account, Account)
    assert (account.usage.wh, account.register.wh, account.register.at) == (used_wh, ends_wh, at(1))


@pytest.mark.parametrize(
    ("last_wh", "final_wh"), [(1_234, 1_235 + MOST_WH), (1_234, 1_233), (2_000, 1_000), (2_001, 1_000), (500, -1)]
)
def test_a_register_beyond_its_bounds_is_refused_with_them(last_wh: int, final_wh: int) -> None:
    """S2-10: a Wh more than the meter can count, or below what it has shown; the answer says both ends."""
    told = {"final_register_wh": final_wh, "last_wh": last_wh, "most_wh": last_wh + MOST_WH}
    assert ended_at(standing(last_wh), final_wh) == refused("implausible_register", **told)


@pytest.mark.parametrize(
    ("last_wh", "final_wh", "used_wh"),
    [
        (99_999, 0, 1),
        (99_999, MOST_WH - 1, MOST_WH),
        (99_999, MOST_WH, None),
        (50_000, 49_999, None),
        (50_000, 50_000, 0),
        (50_000, 50_001, 1),
    ],
)
@pytest.mark.parametrize("of_the_meter", [True, False])
def test_a_register_that_wraps_is_charged_over_the_wrap(
    last_wh: int, final_wh: int, used_wh: int | None, of_the_meter: bool
) -> None:
    """I5: where this meter wraps or the installation says so, as far as it can have counted; ahead it never wrapped."""
    account = standing(last_wh, 100_000 if of_the_meter else None)
    after = ended_at(account, final_wh, **({} if of_the_meter else {"wraps_at_wh": 100_000}))
    if used_wh is None:
        assert isinstance(after, Verdict)
        return
    assert isinstance(after, Account)
    assert (after.usage.wh, after.register.wh) == (used_wh, final_wh)


@pytest.mark.parametrize(("last_wh", "final_wh", "used_wh"), [(501, 500, 999), (500, 500, 0), (500, 501, 1)])
def test_a_small_counter_wraps_only_when_it_shows_less(last_wh: int, final_wh: int, used_wh: int) -> None:
    """I5: a counter of 1000 Wh may have gone round unseen; what it shows decides, and nothing more is charged."""
    after = ended_at(standing(last_wh, 1_000), final_wh)
    assert isinstance(after, Account)
    assert (after.usage.wh, after.register.wh) == (used_wh, final_wh)


@pytest.mark.parametrize("trust", list(TimeTrust))
def test_a_meter_that_was_never_read_ends_with_the_date_that_is_known(trust: TimeTrust) -> None:
    """S2-10, S2-33: what somebody read is the register from then on; dated only by a clock that is believed."""
    made = World(opened(register_wh=None), running_ms=HOUR_MS, trust=trust)
    assert close(made, 4_200).reason == ""
    dated = made.now() if trust.dated else None
    assert made.account.register == Register(wh=4_200, at=made.now(), dated=dated)


@pytest.mark.parametrize(("age_ms", "reason"), [(AGE_MS, ""), (AGE_MS + 1, "final_reading_missing")])
def test_how_old_the_last_reading_may_be(age_ms: int, reason: str) -> None:
    """S2-10: as old as for any decision about this supply; later somebody has to go there."""
    assert close(silent(lived(), age_ms)).reason == reason


def unreadable(made: World) -> None:
    """The meter answers, and nothing can be made of it."""
    made.post(Reading(made.now(), None, defect="nan"))


def leapt(made: World) -> None:
    """The meter shows what nobody can have used."""
    made.read(import_wh=10_000_000)


def restarted(made: World) -> None:
    """The gateway was off since the last reading, nobody knows how long."""
    made.post(Restarted(made.now()))


@pytest.mark.parametrize("doubt", [unreadable, leapt, restarted])
def test_a_reading_in_doubt_is_not_the_last_one(doubt: object) -> None:
    """S2-10, I6: the answer tells what is certified and what to do about the rest."""
    made = lived()
    assert callable(doubt)
    doubt(made)
    told = (("reason", "moved"), ("register_wh", 1_000), ("hint", HINT))
    assert close(made) == Verdict(VerdictStatus.APPLIED, "final_reading_missing", told)
    assert made.account.unread_end


def test_a_bad_reading_after_the_end_is_not_the_one_that_was_missed() -> None:
    """I6: what lies between becomes a case by the first reading that counts, however many did not."""
    made = silent(lived())
    close(made)
    unreadable(silent(made, 60_000))
    assert (made.account.register.cases, made.account.unread_end) == ((), True)
    made.register_wh = 5_000
    silent(made, 60_000).read()
    assert [(case.kind, case.wh) for case in made.account.register.cases] == [(CaseKind.DISCONTINUITY, 4_000)]
    assert not made.account.unread_end


def certificate_of(made: World) -> Certificate:
    """The one that the end has made."""
    [certificate] = [one for one in made.records if isinstance(one, Certificate)]
    return certificate


def test_the_end_is_certified_as_it_was_read() -> None:
    """S2-10, S2-33: by the gateway, or as somebody on site declares it; with the reason that was given."""
    made = lived()
    close(made)
    read = certificate_of(made)
    assert (read.certificate_id, read.reason, read.reference) == ("close-1", CertificateReason.TERMINATION, "moved")
    assert (read.quality, read.import_wh) == (CertificateQuality.ACTUAL, 1_000)
    made = lived()
    close(made, 1_200)
    assert certificate_of(made) == replace(read, quality=CertificateQuality.DECLARED, import_wh=1_200)
    made = lived()
    made.use(500, hours=0.5)
    close(made, 1_000)
    assert (certificate_of(made).import_wh, made.account.register.wh) == (1_000, 1_500), "as it was shown there"


def test_an_absence_is_told_beside_all_else_that_ends() -> None:
    """I6, S2-10: charged or left for a person, its row names the case; the certificate's and the charges' stay."""
    charge = {"case_id": 1, "from_wh": 1_000, "to_wh": 4_000, "segment": 1, "wh": 3_000}
    for trust, what in (
        (TimeTrust.AUTHENTICATED, "register.unobserved_charged"),
        (TimeTrust.UNKNOWN, "register.discontinuity"),
    ):
        made = absent()
        made.trust = trust
        made.utc_ms += NIGHT_MS
        made.records.clear()
        assert close(made).reason == ""
        assert found(made, what) == [charge]
        assert certificate_of(made).import_wh == 4_000
        [told] = [one for one in made.records if isinstance(one, Happening) and one.what == what]
        assert (told.at, told.account_id) == (made.now(), "CH-1")


def test_the_end_for_arrears_says_so() -> None:
    """S1-14, 2.4: the answer carries the cause, which an end that the customer asked for does not."""
    home = suspended()
    home.stand("2026-06-02", "08:30")
    verdict = home.said(AccountClosed(home.at(), "c", "unpaid", CloseCause.DELINQUENCY))
    told = (("reason", "unpaid"), ("register_wh", 0), ("cause", "delinquency"))
    assert verdict == Verdict(VerdictStatus.APPLIED, "", told)
    assert close(lived()).detail == (("reason", "moved"), ("register_wh", 1_000))
    assert close(world()).detail == (("reason", "moved"), ("register_wh", 0))
