"""Reading certificates: the value for the instant asked, flagged when it stands for another, refused when unknown."""

from pathlib import Path

import pytest

from gateway.commands import Command
from gateway.commands.contract import DueCancelBody, ReadingCertificateBody
from gateway.prepayment.certificate import CertificateReason
from gateway.prepayment.contract import certificate_asked
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import TimeTrust
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.operations import CertificateAsked
from gateway.prepayment.taken import refused
from tests.contract.premises import HOUR_MS, POLL_MS, QUARTER_MS, Premises, instant, run
from tests.counter import Counter
from tests.prepayment.worlds import TERMS, at, opened

APPLIED, REFUSED = VerdictStatus.APPLIED, VerdictStatus.REFUSED


@pytest.fixture
def home(tmp_path: Path) -> Premises:
    """A delivery point in a fresh store."""
    return Premises(Counter(tmp_path / "store.db"))


def certificate(at_ms: int | None = None, reason: str = "switch") -> ReadingCertificateBody:
    """Asked for an instant after the beginning; None: now."""
    when = None if at_ms is None else instant(at_ms)
    return ReadingCertificateBody("CH-1", reason, when, "case 7")  # type: ignore[arg-type]  # the word is what is tested


def test_a_switch_changes_nothing_but_the_record(home: Premises) -> None:
    """S2-01: the supply is the same before and after a change of supplier; the register is certified."""

    async def story() -> None:
        await home.begin()
        home.export_wh = 7
        await home.live(HOUR_MS)
        before = home.account
        answer = await home.order(Command.READING_CERTIFICATE, certificate())
        assert answer.status is APPLIED
        assert dict(answer.detail)["register_wh"] == 1_200
        after = home.account
        assert (after.supply, after.contract_power_w, control(after, TERMS)) == (
            before.supply, before.contract_power_w, control(before, TERMS),
        )  # fmt: skip
        [row] = await home.certificates()
        assert (row["reason"], row["quality"], row["import_wh"], row["export_wh"]) == ("switch", "actual", 1_200, 7)
        assert (row["certificate_id"], row["reference"]) == (answer.command_id, "case 7")
        assert row["stands"] == "2026-03-02T09:00:00.000Z"
        await home.counter.stop()

    run(story())


@pytest.mark.parametrize(
    ("asked_ms", "wh", "stands", "quality"),
    [
        (QUARTER_MS, 300, "08:15", "actual"),
        (2 * HOUR_MS, 2_400, "10:00", "actual"),
        (HOUR_MS + 5 * 60_000, 1_200, "09:00", "nearest"),
        (HOUR_MS + 10 * 60_000, 1_500, "09:15", "nearest"),
    ],
)
def test_an_instant_gone_by_is_served_from_the_quarter_hours(
    home: Premises, asked_ms: int, wh: int, stands: str, quality: str
) -> None:
    """S2-33: the stored quarter-hour nearest to the instant, flagged when it is another; also right after a restart."""

    async def story() -> None:
        await home.begin()
        await home.live(3 * HOUR_MS + POLL_MS)
        for _ in range(2):
            answer = await home.order(Command.READING_CERTIFICATE, certificate(asked_ms))
            assert (answer.status, answer.reason) == (APPLIED, "")
            row = (await home.certificates())[-1]
            assert (row["import_wh"], row["quality"]) == (wh, quality)
            assert row["stands"] == f"2026-03-02T{stands}:00.000Z"
            await home.counter.crash()
            await home.counter.start()
            await home.read()
        await home.counter.stop()

    run(story())


def test_where_nobody_read_the_value_is_an_estimate(home: Premises) -> None:
    """S2-33: the gateway was off at the instant; what lies between two readings is spread and says so."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        home.counter.clock.advance(4 * HOUR_MS)
        home.register_wh += 4_000
        await home.read()
        await home.live(HOUR_MS)
        await home.order(Command.READING_CERTIFICATE, certificate(3 * HOUR_MS))
        [row] = await home.certificates()
        assert (row["import_wh"], row["quality"]) == (3_200, "estimated")
        await home.counter.stop()

    run(story())


@pytest.mark.parametrize("asked_ms", [-1, -30 * 24 * HOUR_MS, -200_000 * HOUR_MS])
def test_beyond_what_is_stored_there_is_no_certificate(home: Premises, asked_ms: int) -> None:
    """S2-33: an instant before the first quarter-hour is refused, and nothing changes."""

    async def story() -> None:
        await home.begin()
        await home.live(2 * HOUR_MS)
        before = home.account
        answer = await home.order(Command.READING_CERTIFICATE, certificate(asked_ms))
        assert (answer.status, answer.reason) == (REFUSED, "no_data")
        assert home.account == before
        assert await home.certificates() == []
        await home.counter.stop()

    run(story())


def test_before_a_leap_of_the_register_nothing_is_guessed(home: Premises) -> None:
    """S2-33, decision 6: the curve tells the register only as far back as the two ran side by side."""

    async def story() -> None:
        await home.begin()
        await home.live(2 * HOUR_MS)
        home.register_wh = 500_000
        for _ in range(3):
            home.counter.clock.advance(1_000)
            await home.read()
        home.counter.clock.advance(POLL_MS - 3_000)
        await home.live(2 * HOUR_MS)
        assert (await home.order(Command.READING_CERTIFICATE, certificate(HOUR_MS))).reason == "no_data"
        assert (await home.order(Command.READING_CERTIFICATE, certificate(3 * HOUR_MS))).status is APPLIED
        await home.order(Command.READING_CERTIFICATE, certificate(2 * HOUR_MS + 120_000))
        later, soon = await home.certificates()
        assert later["import_wh"] == 500_000 + 1_100
        assert (soon["import_wh"], soon["stands"]) == (500_000 + 200, "2026-03-02T10:15:00.000Z")
        await home.counter.stop()

    run(story())


def test_an_instant_to_come_waits_for_the_first_reading_at_or_after_it(home: Premises) -> None:
    """S2-33: both suppliers get the value at the instant; a restart in between forgets nothing (I19)."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        answer = await home.order(Command.READING_CERTIFICATE, certificate(2 * HOUR_MS))
        assert (answer.status, answer.detail) == (APPLIED, (("due_utc_ms", home.counter.clock.utc_ms + HOUR_MS),))
        await home.live(HOUR_MS - POLL_MS)
        assert await home.certificates() == []
        await home.counter.crash()
        await home.counter.start()
        await home.live(HOUR_MS)
        [row] = await home.certificates()
        assert (row["import_wh"], row["quality"], row["stands"]) == (2_400, "actual", row["asked"])
        assert home.account.agenda.certificates_due == ()
        await home.counter.stop()

    run(story())


@pytest.mark.parametrize(("off_ms", "wh", "hour"), [(3 * HOUR_MS, 1_200, "09"), (90 * 60_000, 4_200, "10")])
def test_off_at_the_instant_the_nearer_reading_counts_and_says_so(
    home: Premises, off_ms: int, wh: int, hour: str
) -> None:
    """S2-33: of the readings before and after the instant the nearer one, flagged, with the instant it stands for."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        await home.order(Command.READING_CERTIFICATE, certificate(2 * HOUR_MS))
        home.counter.clock.advance(off_ms)
        home.register_wh += 3_000
        await home.read()
        [row] = await home.certificates()
        assert (row["import_wh"], row["quality"], row["stands"][11:13]) == (wh, "nearest", hour)
        await home.counter.stop()

    run(story())


def test_without_proven_time_an_instant_is_no_instant(home: Premises) -> None:
    """I16: a clock that is only claimed makes no dated certificate; it is made when the time is proven."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        await home.order(Command.READING_CERTIFICATE, certificate(2 * HOUR_MS))
        home.counter.clock.trust = TimeTrust.SYNCHRONISED
        await home.live(2 * HOUR_MS)
        assert await home.certificates() == []
        home.counter.clock.trust = TimeTrust.UNKNOWN
        assert (await home.order(Command.READING_CERTIFICATE, certificate(HOUR_MS))).reason == "clock_untrusted"
        home.counter.clock.trust = TimeTrust.AUTHENTICATED
        await home.live(POLL_MS)
        [row] = await home.certificates()
        assert row["quality"] == "nearest"
        await home.counter.stop()

    run(story())


def test_what_waits_is_bounded_and_can_be_taken_back(home: Premises) -> None:
    """I20: eight certificates may wait, at most 400 days ahead; a cancelled one is never made."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        ids = [
            (await home.order(Command.READING_CERTIFICATE, certificate((2 + n) * HOUR_MS))).command_id for n in range(8)
        ]
        assert (await home.order(Command.READING_CERTIFICATE, certificate(20 * HOUR_MS))).reason == "too_many_due"
        assert (
            await home.order(Command.READING_CERTIFICATE, certificate(401 * 24 * HOUR_MS))
        ).reason == "too_far_ahead"
        assert (await home.order(Command.DUE_CANCEL, DueCancelBody("CH-1", "jti-none"))).reason == "nothing_due"
        assert (await home.order(Command.DUE_CANCEL, DueCancelBody("CH-1", ids[0]))).status is APPLIED
        await home.live(10 * HOUR_MS)
        assert [row["certificate_id"] for row in await home.certificates()] == ids[1:]
        await home.counter.stop()

    run(story())


def test_without_a_reading_there_is_nothing_to_certify() -> None:
    """S2-33: a meter that was never read has no certificate."""
    request = CertificateAsked(at(), "j-1", CertificateReason.CHECK)
    told = certificate_asked(opened(register_wh=None), request)
    hint = "the meter was never read for this account; send read_now, then this again"
    assert told == refused("no_data", hint=hint)
