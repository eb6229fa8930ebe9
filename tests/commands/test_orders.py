"""From the envelope to the event: each field lands where it belongs, and freshness ends at one millisecond."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.commands.agreement import AccountCloseBody, AccountOpenBody, PolicySetBody, PowerSetBody, TariffSetBody
from gateway.commands.arrears import OwedBody
from gateway.commands.books import AccountResyncBody, BonusThroughBody, HeldBody, PositionBody, WindowBody
from gateway.commands.claims import LAST_UTC_MS, Body, Command, Reason
from gateway.commands.credit import TopUpBody, TopUpReverseBody
from gateway.commands.documents import DocumentBody
from gateway.commands.envelope import Envelope
from gateway.commands.kinds import HELPFUL, HURTFUL
from gateway.commands.link import AckBody, ReadNow, ReadNowBody, ResendBody, TimeBody
from gateway.commands.order import Order, check_fresh, check_key, to_event
from gateway.commands.override import OverrideEndBody, OverrideSetBody
from gateway.commands.postings import BonusSetBody, PostingBody
from gateway.commands.protection import (
    HoldReleaseBody,
    HoldSetBody,
    LockoutReleaseBody,
    LockoutSetBody,
    OutageCancelBody,
    OutagePlanBody,
)
from gateway.commands.schedule import ScheduleSetBody, ServiceBody
from gateway.commands.voltage import VoltageCheckBody
from gateway.config.document import load
from gateway.config.policies import PolicyDocument, to_policy
from gateway.config.tariffs import TariffDocument, to_tariff
from gateway.errors import CommandRefused
from gateway.prepayment import events
from gateway.prepayment.arrears import Arrears, Proof
from gateway.prepayment.events import Hold, HoldKind, Moment, Opening, TimeTrust
from gateway.prepayment.export import DocumentKind
from gateway.prepayment.outages import Outage, OutageCancelled, OutagePlanned
from gateway.prepayment.override import OverrideEnded, OverrideSet
from gateway.prepayment.periods import BillingClass
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.posting import BonusSet, Posting, PostingKind
from gateway.prepayment.schedule import Rule, ScheduleSet, Service
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.prepayment.voltage import VoltageCheckBegun
from tests.commands.arrears import ARREARS
from tests.commands.operations import OPERATIONS

CONFIG = Path(__file__).parent.parent.parent / "config"
NOW_MS = 1_772_366_400_000
AT = Moment(NOW_MS, TimeTrust.AUTHENTICATED, 7)
DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = load(CONFIG / "policies" / "prepaid.toml", PolicyDocument)
TARIFF = load(CONFIG / "tariffs" / "ch-flat.toml", TariffDocument)
POSITION = PositionBody(
    "-3.25", SupplyState.LIMITED, 11, 2, "20.5", 3, "4", 12_000, NOON, 13, NOON + timedelta(seconds=1),
    NOON + timedelta(seconds=2), "fire", (
        HeldBody("h-1", HoldKind.DISPUTE, None, "180.25", (), "utility", "case 7"),
        HeldBody("h-2", HoldKind.COMPLAINT, NOON, "0", (SupplyState.LIMITED,)),
    ),
)  # fmt: skip
NEXT, THIRD = date(2026, 3, 2), date(2026, 3, 3)
OWING = PositionBody(
    "0", SupplyState.SUSPENDED, 1,
    arrears=(OwedBody("c-1", Commodity.GAS, "7.5", DAY, NEXT, Proof.UNPROVEN, date(2026, 3, 5), "letter", THIRD,
                      date(2026, 3, 4), 30, ("F1",)),),
    outages=(WindowBody("o-1", NOON, NOON + timedelta(seconds=2), "works 7", "utility/M. R."),),
)  # fmt: skip
HEAD = "ab" * 32


def envelope(command: Command, body: Body, *, key_not_after_utc_ms: int | None = None) -> Envelope:
    """A verified envelope that expires at noon and was signed without a challenge."""
    return Envelope(command, "j-1", "utility", 4, 1, NOW_MS // 1000, None, "k1", body, key_not_after_utc_ms)


EVENTS: tuple[tuple[Command, Body, object], ...] = (
    (Command.TOP_UP, TopUpBody("a", 2, "1.5", "3", "CHF", "web"),
     events.TopUp(AT, "j-1", 2, 1_500_000_000, 3_000_000_000, "CHF", "web")),
    (Command.TOP_UP_REVERSE, TopUpReverseBody("a", 2, "1.5", "3", "CHF", "error"),
     events.TopUpReversal(AT, "j-1", 2, 1_500_000_000, 3_000_000_000, "CHF", "error")),
    (Command.TARIFF_SET, TariffSetBody("a", TARIFF), events.TariffSet(AT, "j-1", to_tariff(TARIFF, ""))),
    (Command.POLICY_SET, PolicySetBody("a", POLICY), events.PolicySet(AT, "j-1", to_policy(POLICY, ""))),
    (Command.POWER_SET, PowerSetBody("a", 3_500), events.PowerSet(AT, "j-1", 3_500)),
    (Command.SCHEDULE_SET, ScheduleSetBody("a", (ServiceBody(Rule.ESTENERGY_GAS, BillingClass.FIVE, 700, True),)),
     ScheduleSet(AT, "j-1", (Service(Rule.ESTENERGY_GAS, BillingClass.FIVE, 700, True),))),
    (Command.VOLTAGE_CHECK, VoltageCheckBody("a", "v-1", NOON, "case 7"),
     VoltageCheckBegun(AT, "j-1", "v-1", NOW_MS, "case 7")),
    (Command.HOLD_SET, HoldSetBody("a", "h", HoldKind.DISPUTE, NOON, "180.25", (), "M. R.", "case 7", NOON, True),
     events.HoldSet(AT, "j-1", "h", HoldKind.DISPUTE, NOW_MS, 180_250_000_000, (), "utility/M. R.", "case 7", NOW_MS,
                    True)),
    (Command.HOLD_SET, HoldSetBody("a", "h", HoldKind.COMPLAINT, rungs=(SupplyState.SUSPENDED,)),
     events.HoldSet(AT, "j-1", "h", HoldKind.COMPLAINT, None, 0, (SupplyState.SUSPENDED,), "utility")),
    (Command.HOLD_RELEASE, HoldReleaseBody("a", "h", "M. R.", "settled"),
     events.HoldReleased(AT, "j-1", "h", "utility/M. R.", "settled")),
    (Command.OUTAGE_PLAN, OutagePlanBody("a", "o", NOON, NOON + timedelta(seconds=2), "works 7", "M. R."),
     OutagePlanned(AT, "j-1", Outage("o", NOW_MS, NOW_MS + 2000, "works 7", "utility/M. R."))),
    (Command.OUTAGE_CANCEL, OutageCancelBody("a", "o", "M. R.", "rain"),
     OutageCancelled(AT, "j-1", "o", "utility/M. R.", "rain")),
    (Command.LOCKOUT_SET, LockoutSetBody("a", "fire"), events.LockoutSet(AT, "j-1", "fire")),
    (Command.LOCKOUT_RELEASE, LockoutReleaseBody("a"), events.LockoutReleased(AT, "j-1")),
    (Command.OVERRIDE_SET, OverrideSetBody("a", "M. R.", "ill child"),
     OverrideSet(AT, "j-1", "M. R.", "ill child", 24, 10_000)),
    (Command.OVERRIDE_SET, OverrideSetBody("a", "M. R.", "ill child", 72, 30_000),
     OverrideSet(AT, "j-1", "M. R.", "ill child", 72, 30_000)),
    (Command.OVERRIDE_END, OverrideEndBody("a", "M. R.", "paid"), OverrideEnded(AT, "j-1", "M. R.", "paid")),
    (Command.POSTING, PostingBody("a", 7, PostingKind.FEE, "-1.5", "CHF", "P-7"),
     Posting(AT, "j-1", 7, PostingKind.FEE, -1_500_000_000, "CHF", "P-7")),
    (Command.POSTING,
     PostingBody("a", 8, PostingKind.RECONSTRUCTION, "-1", "CHF", "P-8", "law", DAY, DAY.replace(day=2), "P-6", "P-5",
                 9, "2", "3", DAY.replace(day=4), DAY.replace(day=5), 6),
     Posting(AT, "j-1", 8, PostingKind.RECONSTRUCTION, -1_000_000_000, "CHF", "P-8", "law", "2026-03-01", "2026-03-02",
             "P-6", "P-5", 9, 2_000_000_000, 3_000_000_000, "2026-03-04", "2026-03-05", 6)),
    (Command.BONUS_SET, BonusSetBody("a", "B-1", DAY, DAY.replace(day=3), "CHF", "0.5", None, "law"),
     BonusSet(AT, "j-1", "B-1", "2026-03-01", "2026-03-03", 1_500_000_000, "CHF", "law")),
    (Command.BONUS_SET, BonusSetBody("a", "B-1", DAY, DAY.replace(day=3), "CHF", total="0.5"),
     BonusSet(AT, "j-1", "B-1", "2026-03-01", "2026-03-03", 500_000_000, "CHF")),
    (Command.ACCOUNT_OPEN, AccountOpenBody("a", "m", "CHF", 3_000, POLICY, TARIFF, "-1.25", 99, "s"),
     events.AccountOpened(AT, "j-1", "a", "m", "CHF", 3_000, to_policy(POLICY, ""), to_tariff(TARIFF, ""),
                          -1_250_000_000, 99, "s", kind=Opening.ACTIVATION)),
    (Command.ACCOUNT_OPEN, AccountOpenBody("a", "m", "CHF", 3_000, POLICY, TARIFF),
     events.AccountOpened(AT, "j-1", "a", "m", "CHF", 3_000, to_policy(POLICY, ""), to_tariff(TARIFF, ""),
                          0, None, None, kind=Opening.ACTIVATION)),
    (Command.ACCOUNT_OPEN, AccountOpenBody("a", "m", "CHF", 3_000, POLICY, TARIFF, plant_power_w=9_999_999),
     events.AccountOpened(AT, "j-1", "a", "m", "CHF", 3_000, to_policy(POLICY, ""), to_tariff(TARIFF, ""),
                          kind=Opening.ACTIVATION, plant_power_w=9_999_999)),
    (Command.ACCOUNT_CLOSE, AccountCloseBody("a", "moved"), events.AccountClosed(AT, "j-1", "moved")),
    (Command.ACCOUNT_CLOSE, AccountCloseBody("a", "moved", final_register_wh=7),
     events.AccountClosed(AT, "j-1", "moved", final_register_wh=7)),
    (Command.ACCOUNT_RESYNC, AccountResyncBody("a", "run-run-", "e", 5, HEAD, "CHF"),
     Resynced(AT, "j-1", "run-run-", "e", 5, HEAD, "CHF", None)),
    (Command.ACCOUNT_RESYNC, AccountResyncBody("a", "run-run-", "e", 5, HEAD, "CHF", POSITION),
     Resynced(AT, "j-1", "run-run-", "e", 5, HEAD, "CHF", Position(
         12_000, NOW_MS, -3_250_000_000, 2, 20_500_000_000, 3, 4_000_000_000, SupplyState.LIMITED, 11, 13,
         NOW_MS + 1000, NOW_MS + 2000, "fire",
         (Hold("h-1", HoldKind.DISPUTE, None, 180_250_000_000, (), "utility", "case 7"),
          Hold("h-2", HoldKind.COMPLAINT, NOW_MS, rungs=(SupplyState.LIMITED,)))))),
    (Command.ACCOUNT_RESYNC, AccountResyncBody("a", "run-run-", "e", 5, HEAD, "CHF", OWING),
     Resynced(AT, "j-1", "run-run-", "e", 5, HEAD, "CHF", Position(
         None, None, 0, 0, 0, 0, 0, SupplyState.SUSPENDED, 1,
         arrears=(Arrears("c-1", Commodity.GAS, 7_500_000_000, "2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04",
                          Proof.UNPROVEN, "2026-03-05", 30, ("F1",), "letter", AT),),
         outages=(Outage("o-1", NOW_MS, NOW_MS + 2000, "works 7", "utility/M. R."),)))),
    (Command.READ_NOW, ReadNowBody("a"), ReadNow(AT, "j-1", "a")),
    *OPERATIONS,
    *ARREARS,
)  # fmt: skip


@pytest.mark.parametrize(("command", "body", "event"), EVENTS)
def test_each_field_of_a_command_lands_in_its_event(command: Command, body: Body, event: object) -> None:
    """I14: what was signed is what is done: no field is dropped, swapped or rounded on the way (decision 1)."""
    assert to_event(envelope(command, body), AT) == event


def test_every_command_that_has_an_event_is_in_this_table() -> None:
    """A new command is pinned here, too."""
    assert {command for command, _, _ in EVENTS} == set(Command) - {
        Command.TIME,
        Command.ACK,
        Command.RESEND,
        Command.DOCUMENT,
    }


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (Command.TIME, TimeBody("n" * 8, 1)),
        (Command.ACK, AckBody("", 0, HEAD)),
        (Command.RESEND, ResendBody(1, 1)),
        (Command.DOCUMENT, DocumentBody(DocumentKind.EVIDENCE, date(2026, 1, 1), date(2026, 1, 2))),
    ],
)
def test_what_has_a_topic_of_its_own_is_no_order(command: Command, body: Body) -> None:
    """Time, acknowledgement and resend are answered by the link, not by an account."""
    with pytest.raises(CommandRefused) as refused:
        to_event(envelope(command, body), AT)
    assert refused.value.reason == Reason.UNKNOWN_COMMAND
    assert "topics of their own" in str(refused.value.detail["hint"])
    assert envelope(command, body).account_id == ""


def test_an_order_tells_what_it_is() -> None:
    """The receipt and the verdict name command, id, issuer, sequence and account from here (I24)."""
    order = Order(envelope(Command.POWER_SET, PowerSetBody("CH-9", 3_500)))
    told = (order.command, order.command_id, order.issuer, order.sequence, order.account_id, order.challenges)
    assert told == (Command.POWER_SET, "j-1", "utility", 4, "CH-9", frozenset())


@pytest.mark.parametrize(("ms", "fresh"), [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize("command", sorted(HURTFUL | {Command.READ_NOW}))
def test_a_command_expires_at_one_instant(command: Command, ms: int, fresh: bool) -> None:
    """Decision 17: good until the last millisecond before `exp`, expired from then on, when the time is proven."""
    proven = Moment(NOW_MS + ms, TimeTrust.AUTHENTICATED, 0)
    body = PowerSetBody("a", 3_500)
    if fresh:
        check_fresh(envelope(command, body), frozenset(), proven)
    else:
        with pytest.raises(CommandRefused) as refused:
            check_fresh(envelope(command, body), frozenset(), proven)
        assert (refused.value.reason, refused.value.detail) == (Reason.EXPIRED, {"expired_s": NOW_MS // 1000})


@pytest.mark.parametrize("trust", [trust for trust in TimeTrust if not trust.proven])
def test_without_proven_time_only_the_challenge_counts(trust: TimeTrust) -> None:
    """Decision 17: an unproven clock neither expires a command nor excuses one that can hurt from the challenge."""
    late = Moment(NOW_MS + 10**9, trust, 0)
    hurts = envelope(Command.POWER_SET, PowerSetBody("a", 3_500))
    for command in (*HELPFUL, Command.READ_NOW):
        check_fresh(envelope(command, ReadNowBody("a")), frozenset(), late)
    check_fresh(replace(hurts, challenge="c-1"), frozenset({"c-1", "c-2"}), late)
    for challenge, known in ((None, {"c-1"}), ("c-3", {"c-1"}), ("c-1", set[str]())):
        with pytest.raises(CommandRefused) as refused:
            check_fresh(replace(hurts, challenge=challenge), frozenset(known), late)
        assert (refused.value.reason, refused.value.detail["trust"]) == (Reason.STALE_COMMAND, trust.value)
        assert "challenge" in str(refused.value.detail["hint"])


@pytest.mark.parametrize("command", sorted(HELPFUL))
def test_help_is_never_too_late(command: Command) -> None:
    """Decision 17: a top-up or a hold that arrives late is still the customer's."""
    check_fresh(envelope(command, ReadNowBody("a")), frozenset(), Moment(NOW_MS + 10**12, TimeTrust.AUTHENTICATED, 0))


@pytest.mark.parametrize(("ms", "good"), [(-1, True), (0, False)])
def test_a_key_ends_at_one_instant(ms: int, good: bool) -> None:
    """I15: valid until the last millisecond of its last day; only a proven clock ends it."""
    old = envelope(Command.TOP_UP, ReadNowBody("a"), key_not_after_utc_ms=NOW_MS)
    check_key(old, Moment(NOW_MS + ms, TimeTrust.SYNCHRONISED, 0))
    check_key(replace(old, key_not_after_utc_ms=None), Moment(NOW_MS + ms, TimeTrust.AUTHENTICATED, 0))
    proven = Moment(NOW_MS + ms, TimeTrust.AUTHENTICATED, 0)
    if good:
        check_fresh(old, frozenset(), proven)
        return
    with pytest.raises(CommandRefused) as refused:
        check_fresh(old, frozenset(), proven)
    assert (refused.value.reason, refused.value.detail["kid"]) == (Reason.NOT_ALLOWED, "k1")
    assert "not_after" in str(refused.value.detail["hint"])


@pytest.mark.parametrize(
    ("amount", "total", "good"),
    [("0.000000001", "0.000000001", True), ("5", "5", True), ("0", "5", False), ("5.000000001", "5", False)],
)
def test_an_amount_is_above_zero_and_part_of_the_total(amount: str, total: str, good: bool) -> None:
    """Decision 4: the smallest amount and the whole total are fine, nothing and more than the total are not."""
    for command, body in (
        (Command.TOP_UP, TopUpBody("a", 1, amount, total, "CHF")),
        (Command.TOP_UP_REVERSE, TopUpReverseBody("a", 1, amount, total, "CHF", "")),
    ):
        if good:
            to_event(envelope(command, body), AT)
            continue
        with pytest.raises(CommandRefused) as refused:
            to_event(envelope(command, body), AT)
        assert refused.value.reason == Reason.BAD_PAYLOAD
        told = refused.value.detail
        assert (told["amount"], told["total"]) == (amount, total)
        assert "lifetime total" in str(told["hint"])


@pytest.mark.parametrize(
    ("instant", "utc_ms"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, microsecond=1999, tzinfo=UTC), 1),
        (datetime(1970, 1, 2, 0, 0, 1, tzinfo=UTC), 86_401_000),
        (datetime(9999, 1, 1, tzinfo=UTC), LAST_UTC_MS),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), None),
        (datetime(9999, 1, 1, 0, 0, 0, 1000, tzinfo=UTC), None),
    ],
)
def test_an_instant_is_exact_and_within_every_calendar(instant: datetime, utc_ms: int | None) -> None:
    """I21: milliseconds since 1970, cut and not rounded; what no time zone could show is refused."""
    order = Order(envelope(Command.HOLD_SET, HoldSetBody("a", "h", HoldKind.COMPLAINT, instant)))
    if utc_ms is not None:
        assert order.event(AT) == events.HoldSet(AT, "j-1", "h", HoldKind.COMPLAINT, utc_ms, set_by="utility")
        return
    with pytest.raises(CommandRefused) as refused:
        order.event(AT)
    assert (refused.value.reason, refused.value.detail["instant"]) == (Reason.BAD_PAYLOAD, instant.isoformat())
    assert "1970" in str(refused.value.detail["hint"])


@pytest.mark.parametrize("day", [date(1, 1, 1), date(1969, 12, 31), date(9999, 12, 31)])
def test_a_day_of_bonus_in_a_position_is_one_that_can_be_counted_from(day: date) -> None:
    """I20, decision 8: a day without neighbours would stop the gateway at each reading, for ever."""
    position = msgspec.structs.replace(POSITION, bonuses=(BonusThroughBody("b-1", day),))
    body = AccountResyncBody("a", "run-run-", "e", 5, HEAD, "CHF", position)
    with pytest.raises(CommandRefused) as refused:
        to_event(envelope(Command.ACCOUNT_RESYNC, body), AT)
    assert (refused.value.reason, refused.value.detail["day"]) == (Reason.BAD_PAYLOAD, day.isoformat())


def test_a_document_that_cannot_be_rated_is_a_bad_payload() -> None:
    """S0-11: the mistake in the tariff or policy is named, as in a file."""
    tariff = TariffSetBody("a", msgspec.structs.replace(TARIFF, version=0))
    policy = PolicySetBody("a", msgspec.structs.replace(POLICY, version=0))
    for command, body, where in ((Command.TARIFF_SET, tariff, "tariff"), (Command.POLICY_SET, policy, "policy")):
        with pytest.raises(CommandRefused) as refused:
            to_event(envelope(command, body), AT)
        assert refused.value.reason == Reason.BAD_PAYLOAD
        assert str(refused.value.detail["error"]).startswith(f"{where}: version")
