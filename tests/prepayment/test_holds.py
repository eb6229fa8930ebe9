"""What each kind of hold does, until when, who may shorten it, and what goes on record about it (requirements 2.1)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.prepayment.account import Account, Start, Supply
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import Hold, HoldKind, HoldReleased, HoldSet, Tick, TimeTrust
from gateway.prepayment.holds import blocked_by, disputed_nano, protecting
from gateway.prepayment.ladder import Guard, situation_of
from gateway.prepayment.ledger import Happening, Transition
from gateway.prepayment.policy import Term
from gateway.prepayment.step import apply, next_deadline_ms
from gateway.prepayment.supply import Commodity, SupplyState, SwitchState
from gateway.store import codec
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, NANO, TERMS, World, at, opened, policy, world

BLOCKING = [kind for kind in HoldKind if kind is not HoldKind.DISPUTE]
PROTECTIVE = [kind for kind in HoldKind if kind.protective]


def said(w: World, request: HoldSet | HoldReleased) -> str:
    """The reason a request is refused for; "" when it is applied. A refusal changes nothing."""
    before = w.account
    verdict = w.post(request).verdict
    assert verdict is not None
    assert verdict.reason == "" or w.account == before
    return str(verdict.reason)


def hold(w: World, kind: HoldKind, hold_id: str = "h", **more: Any) -> str:
    """Ask for a hold now."""
    return said(w, replace(HoldSet(w.now(), "c", hold_id, kind), **more))


def in_grace(balance_nano: int, **changes: object) -> World:
    """An account in grace since Monday 09:00 with its notice, a day ago; the term is three days."""
    made = opened(balance_nano, policy=policy(**changes))
    supply = Supply(SupplyState.GRACE, at(), notice_running_ms=0, dated_on="2026-03-02")
    w = World(replace(made, supply=supply), running_ms=DAY_MS, utc_ms=MONDAY_MS + DAY_MS)
    w.use(0, 0.1)
    return w


def test_a_debt_of_which_most_is_disputed_stays_below_the_threshold() -> None:
    """S2-23: debt 200 of which 180 disputed, threshold 50: no escalation; once it is settled, at once."""
    w = _told_now(World(opened(-200 * NANO, policy=policy(grace_debt_cap_nano=50 * NANO))))
    assert hold(w, HoldKind.DISPUTE, amount_nano=180 * NANO) == ""
    w.use(0, 25)
    assert w.account.supply.state is SupplyState.GRACE
    assert w.account.balance_nano == -200 * NANO, "the money itself does not move"
    assert said(w, HoldReleased(w.now(), "r", "h")) == ""
    assert w.account.supply.state is SupplyState.LIMITED


def _told_now(w: World) -> World:
    """In grace since now: the cap counts once the notice is a day old, the term of three days is not over by then."""
    w.account = replace(w.account, supply=Supply(SupplyState.GRACE, w.now(), w.running_ms, "2026-03-02"))
    return w


@pytest.mark.parametrize(
    ("disputed", "state"),
    [(19, SupplyState.LIMITED), (20, SupplyState.LOW_CREDIT), (31, SupplyState.LOW_CREDIT), (32, SupplyState.NORMAL)],
)
def test_what_is_disputed_keeps_nobody_limited(disputed: int, state: SupplyState) -> None:
    """S2-23: restoring counts as if the disputed charge had never been made; one unit less and nothing is restored."""
    w = World(opened(-20 * NANO))
    w.account = replace(w.account, supply=Supply(SupplyState.LIMITED, w.now(), 0, "2026-03-02"))
    hold(w, HoldKind.DISPUTE, amount_nano=disputed * NANO)
    assert w.account.supply.state is state
    assert (control(w.account, TERMS).limit_w is None) is (state is not SupplyState.LIMITED)
    moves = [record for record in w.records if isinstance(record, Transition)]
    assert all(dict(move.detail)["disputed_nano"] == disputed * NANO for move in moves)


def test_a_dispute_holds_no_other_debt() -> None:
    """S2-23: it nets and does not block: the undisputed rest goes its way."""
    w = in_grace(-20 * NANO, grace_debt_cap_nano=1_000 * NANO)
    hold(w, HoldKind.DISPUTE, amount_nano=5 * NANO)
    assert blocked_by(w.account, w.now()) == ""
    w.use(0, 49)
    assert w.account.supply.state is SupplyState.LIMITED
    assert situation_of(w.account, TERMS, w.now()).balance_nano == -15 * NANO


def test_a_dispute_of_before_amounts_were_said_holds_everything() -> None:
    """Decision 7: a snapshot of an older version has no amount; nobody is cut for what may be all of the debt."""
    account = replace(opened(-20 * NANO), holds=(Hold("old", HoldKind.DISPUTE, None),))
    assert blocked_by(account, at()) == "old"
    assert disputed_nano(account, at()) == 0


def test_disputes_add_up_and_end_with_their_term() -> None:
    """S2-22: several at once, each until its own end; without an instant all that are known."""
    holds = (
        Hold("a", HoldKind.DISPUTE, None, 3 * NANO),
        Hold("b", HoldKind.DISPUTE, MONDAY_MS + 10, 4 * NANO),
        Hold("c", HoldKind.COMPLAINT, None),
    )
    account = replace(opened(), holds=holds)
    assert [disputed_nano(account, at(ms)) for ms in (9, 10)] == [7 * NANO, 3 * NANO]
    assert disputed_nano(account, at(10**9, TimeTrust.SYNCHRONISED)) == 7 * NANO
    assert disputed_nano(account) == 7 * NANO


def test_what_is_disputed_opens_no_switch_that_was_found_closed() -> None:
    """Invariant 7: also in the bound for books that nobody has confirmed."""
    w = World(opened(-41 * NANO), terms=replace(TERMS, can_limit=False))
    supply = Supply(SupplyState.SUSPENDED, w.now())
    w.account = replace(w.account, supply=supply, start=Start(0, known=True))
    assert control(w.account, w.terms).switch is SwitchState.DISCONNECTED
    w.account = replace(w.account, holds=(Hold("d", HoldKind.DISPUTE, None, 2 * NANO),))
    assert control(w.account, w.terms).switch is None


@pytest.mark.parametrize(
    ("days", "override", "reason"),
    [(0, False, ""), (30, False, ""), (31, False, "dispute_too_late"), (31, True, ""), (-1, True, "notice_ahead")],
)
def test_a_reconstruction_is_contested_within_thirty_days(days: int, override: bool, reason: str) -> None:
    """S2-22: day 30 from the written notice is accepted, day 31 needs the central system's override."""
    w = world()
    w.utc_ms += 60 * DAY_MS
    notice_ms = w.utc_ms - days * DAY_MS
    answer = hold(w, HoldKind.DISPUTE, amount_nano=NANO, notice_utc_ms=notice_ms, override=override)
    assert answer == reason


def test_the_thirtieth_day_lasts_until_midnight() -> None:
    """S2-22: civil days of the point; the notice's own day does not count."""
    w = world()
    notice_ms = int(datetime(2026, 3, 2, 22, 59, tzinfo=UTC).timestamp() * 1000)  # 2 March, 23:59 in Zurich
    for minutes, reason in ((0, ""), (2, "dispute_too_late")):
        w.utc_ms = int(datetime(2026, 4, 1, 21, 59, tzinfo=UTC).timestamp() * 1000) + minutes * 60_000
        answer = hold(w, HoldKind.DISPUTE, f"d{minutes}", amount_nano=NANO, notice_utc_ms=notice_ms)
        assert answer == reason
    w.trust = TimeTrust.SYNCHRONISED
    assert hold(w, HoldKind.DISPUTE, "d9", amount_nano=NANO, notice_utc_ms=notice_ms) == "", "in doubt it helps"


@pytest.mark.parametrize(
    ("local", "until"),
    [
        ("2026-03-02T17:59", "2026-03-10"),  # Monday, handled the same day: Tuesday to Monday
        ("2026-03-02T18:00", "2026-03-11"),  # from 18:00 on handled on Tuesday
        ("2026-03-06T17:59", "2026-03-14"),  # Friday: Monday to Friday, over on Saturday 00:00
        ("2026-03-06T18:01", "2026-03-14"),  # handled on Saturday, which is feriale; the five days are the same
        ("2026-03-07T18:01", "2026-03-17"),  # Saturday evening: handled on Monday 9
        ("2026-03-08T09:00", "2026-03-17"),  # Sunday: handled on Monday
        ("2026-04-04T19:00", "2026-04-15"),  # the evening before Easter: Monday is a holiday, handled on Tuesday 7
    ],
)
def test_a_proof_of_payment_after_six_in_the_evening_counts_from_the_next_giorno_feriale(
    local: str, until: str
) -> None:
    """S1-08, requirements 2.2: Monday to Saturday by 18:00 the same day; then five working days."""
    w = world()
    offset = "+02:00" if local > "2026-03-29" else "+01:00"
    w.utc_ms = _utc_ms(f"{local}:00{offset}")
    assert hold(w, HoldKind.PAYMENT_PROOF) == ""
    end_offset = "+02:00" if until > "2026-03-29" else "+01:00"
    assert w.account.holds[0].until_utc_ms == _utc_ms(f"{until}T00:00:00{end_offset}")


def _utc_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize("kind", BLOCKING)
def test_a_hold_set_one_minute_before_the_rung_stops_it(kind: HoldKind) -> None:
    """S1-08, S2-12: whatever the kind; when its end is proven to have passed the ladder goes on by itself."""
    w = world(0)
    w.use(1_000)
    assert w.account.supply.state is SupplyState.GRACE
    left_ms = w.account.supply.since.running_ms + 72 * HOUR_MS - w.running_ms
    w.use(0, (left_ms - 60_000) / HOUR_MS, poll_ms=60_000)
    assert w.account.supply.state is SupplyState.GRACE
    assert hold(w, kind, until_utc_ms=w.utc_ms + 6 * HOUR_MS, reason="case 7") == ""
    w.use(0, 5.5)
    assert w.account.supply.state is SupplyState.GRACE
    held = [record for record in w.records if isinstance(record, Happening) and record.what.endswith("held")]
    if kind is not HoldKind.OUTAGE:  # there the term itself stands still
        assert [dict(record.detail) for record in held] == [{"reason": "held", "hold": "h"}]
    w.use(0, 1)
    assert w.account.supply.state is SupplyState.LIMITED


@pytest.mark.parametrize("kind", PROTECTIVE)
def test_somebody_protected_gets_full_supply_back_and_keeps_it(kind: HoldKind) -> None:
    """Invariant 9, S2-35: life support, public service, or a point that also feeds others: never for debt."""
    w = world(0)
    w.use(10_000, 1)
    w.account = replace(w.account, supply=Supply(SupplyState.SUSPENDED, w.now()))
    hold(w, kind)
    assert w.account.supply.state is SupplyState.GRACE
    w.use(1_000_000, 24 * 30, poll_ms=600_000)
    assert w.account.balance_nano < -200 * NANO
    assert control(w.account, TERMS).switch is SwitchState.CONNECTED
    assert control(w.account, TERMS).limit_w is None
    assert protecting(w.account, w.now()) is not None


@pytest.mark.parametrize(
    ("rungs", "way"),
    [((SupplyState.SUSPENDED,), ["GRACE", "LIMITED"]), ((SupplyState.LIMITED,), ["GRACE"]), ((), ["GRACE"])],
)
def test_a_hold_keeps_from_the_rungs_it_names(rungs: tuple[SupplyState, ...], way: list[str]) -> None:
    """Requirements 2.5: a moratorium on cut-offs alone leaves the reduced power, one on everything leaves nothing."""
    w = world(0, policy=policy(limit_term=Term(duration_ms=HOUR_MS)))
    hold(w, HoldKind.MORATORIUM, rungs=rungs)
    w.use(1_000)
    w.use(0, 90)
    assert w.transitions() == ["LOW_CREDIT", *way]
    said(w, HoldReleased(w.now(), "r", "h"))
    w.use(0, 2)
    assert w.account.supply.state is not SupplyState.GRACE


@pytest.mark.parametrize(
    ("kind", "more", "reason"),
    [
        (HoldKind.COMPLAINT, {"until_utc_ms": MONDAY_MS}, "hold_over"),
        (HoldKind.COMPLAINT, {"until_utc_ms": MONDAY_MS + 1}, ""),
        (HoldKind.COMPLAINT, {"amount_nano": 1}, "not_applicable"),
        (HoldKind.LIFE_SUPPORT, {"rungs": (SupplyState.SUSPENDED,)}, "not_applicable"),
        (HoldKind.OUTAGE, {"rungs": (SupplyState.SUSPENDED,)}, "not_applicable"),
        (HoldKind.DISPUTE, {"rungs": (SupplyState.SUSPENDED,), "amount_nano": 1}, "not_applicable"),
        (HoldKind.COMPLAINT, {"rungs": (SupplyState.GRACE,)}, "not_applicable"),
        (HoldKind.COMPLAINT, {"rungs": (SupplyState.LIMITED, SupplyState.SUSPENDED, SupplyState.TERMINATED)}, ""),
    ],
)
def test_what_no_hold_can_be_is_refused(kind: HoldKind, more: dict[str, Any], reason: str) -> None:
    """I24: with a reason code and nothing changed."""
    assert hold(world(), kind, **more) == reason


COMPLAINT, DISPUTE, OUTAGE = HoldKind.COMPLAINT, HoldKind.DISPUTE, HoldKind.OUTAGE
SUSPENDED, LIMITED = SupplyState.SUSPENDED, SupplyState.LIMITED


@pytest.mark.parametrize(
    ("known", "new", "reason"),
    [
        ((DISPUTE, {"amount_nano": 5}), (DISPUTE, {"amount_nano": 4}), "hold_exists"),
        ((DISPUTE, {"amount_nano": 5}), (DISPUTE, {"amount_nano": 5}), ""),
        ((DISPUTE, {"amount_nano": 5}), (DISPUTE, {"amount_nano": 6}), ""),
        ((DISPUTE, {"amount_nano": 5}), (COMPLAINT, {}), "hold_exists"),
        ((COMPLAINT, {}), (DISPUTE, {"amount_nano": 5}), "hold_exists"),
        ((COMPLAINT, {}), (COMPLAINT, {"rungs": (SUSPENDED,)}), "hold_exists"),
        ((COMPLAINT, {"rungs": (SUSPENDED,)}), (COMPLAINT, {}), ""),
        ((COMPLAINT, {"rungs": (SUSPENDED,)}), (COMPLAINT, {"rungs": (SUSPENDED, LIMITED)}), ""),
        ((COMPLAINT, {"rungs": (SUSPENDED, LIMITED)}), (COMPLAINT, {"rungs": (SUSPENDED,)}), "hold_exists"),
        ((COMPLAINT, {"rungs": (SUSPENDED,)}), (HoldKind.SHARED_POINT, {}), ""),
        ((HoldKind.SHARED_POINT, {}), (COMPLAINT, {}), "hold_exists"),
        ((OUTAGE, {}), (COMPLAINT, {}), "hold_exists"),
        ((OUTAGE, {}), (HoldKind.LIFE_SUPPORT, {}), "hold_exists"),
        ((OUTAGE, {}), (HoldKind.LIFE_SUPPORT, {"hold_id": "care"}), ""),
        ((COMPLAINT, {}), (OUTAGE, {}), ""),
    ],
)
def test_a_hold_replaces_one_of_its_id_only_when_nothing_is_lost(
    known: tuple[HoldKind, dict[str, Any]], new: tuple[HoldKind, dict[str, Any]], reason: str
) -> None:
    """Decision 17: to net less, to keep from fewer rungs or to let terms run again is a release."""
    w = world()
    assert hold(w, known[0], **known[1]) == ""
    assert hold(w, new[0], **new[1]) == reason


def test_the_record_names_the_hold_that_is_in_the_way() -> None:
    """Requirements 2.3: `escalation.held{hold}`; one that bars another rung is not the reason."""
    w = world(0)
    hold(w, HoldKind.MORATORIUM, "cuts", rungs=(SUSPENDED,))
    hold(w, HoldKind.COMPLAINT, "all")
    w.use(1_000)
    w.use(0, 73)
    held = [record for record in w.records if isinstance(record, Happening) and record.what.endswith("held")]
    assert [dict(record.detail)["hold"] for record in held] == ["all"]


def test_who_set_it_until_when_and_who_released_it_is_on_record() -> None:
    """Issue 4, point 2: each hold has an audited beginning and an audited end."""
    w = world()
    until_ms = w.utc_ms + DAY_MS
    more: dict[str, Any] = {
        "rungs": (SUSPENDED,),
        "set_by": "utility/M. R.",
        "reason": "case 7",
        "until_utc_ms": until_ms,
    }
    hold(w, COMPLAINT, "c", **more)
    hold(w, DISPUTE, "d", amount_nano=180 * NANO, set_by="utility")
    said(w, HoldReleased(w.now(), "r", "c", "utility/A. B.", "answered"))
    told = [(record.what, dict(record.detail)) for record in w.records if isinstance(record, Happening)]
    complaint = {
        "hold": "c", "kind": "complaint", "set_by": "utility/M. R.", "reason": "case 7", "until_utc_ms": until_ms,
        "rungs": "SUSPENDED",
    }  # fmt: skip
    dispute = {"hold": "d", "kind": "dispute", "set_by": "utility", "reason": "", "rungs": "all"}
    assert told == [
        ("hold.set", {**complaint, "command_id": "c"}),
        ("hold.set", {**dispute, "amount_nano": 180 * NANO, "command_id": "c"}),
        (
            "hold.released",
            {**complaint, "command_id": "r", "released_by": "utility/A. B.", "release_reason": "answered"},
        ),
    ]
    assert said(w, HoldReleased(w.now(), "r", "c")) == "no_hold"


def test_an_instalment_plan_holds_until_its_end_and_no_longer() -> None:
    """Requirements 2.1: the central system keeps the plan; a missed instalment is its release."""
    w = world(0)
    w.use(1_000)
    hold(w, HoldKind.INSTALMENT_PLAN, until_utc_ms=w.utc_ms + 30 * DAY_MS, reason="6 x 20.00, plan 12")
    w.use(0, 24 * 29, poll_ms=600_000)
    assert (w.account.supply.state, w.account.supply.held_by) == (SupplyState.GRACE, Guard.HOLD)
    w.use(0, 48, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.LIMITED


def test_debts_of_another_commodity_have_no_way_in() -> None:
    """G10: an account is one commodity at one point (requirements 2.8, invariant 8): its step sees no other's debt."""
    gas = opened(-500 * NANO, delivery_point="00881234567890", commodity=Commodity.GAS)
    power = opened(50 * NANO, delivery_point="IT001E12345678")
    w = World(power)
    w.use(0, 24 * 30, poll_ms=600_000)
    assert (w.account.supply.state, w.transitions()) == (SupplyState.NORMAL, [])
    assert apply(gas, Tick(at(1)), TERMS).account.supply.state is SupplyState.GRACE
    states = {name for name in Account.__dataclass_fields__ if "commodity" in name or name.endswith("account_id")}
    assert states == {"commodity", "account_id"}, "nothing in an account names another one"


def test_a_hold_of_a_snapshot_written_before_reads_as_it_was() -> None:
    """Decision 7: who and why were not kept then, and every rung was held."""
    text = codec.snapshot(replace(opened(), holds=(Hold("h", COMPLAINT, 5),)))
    for later in (
        ',"amount_nano":0', ',"rungs":[]', ',"set_by":""', ',"reason":""', ',"began":null', ',"outages":[]'
    ):  # fmt: skip
        assert later in text
        text = text.replace(later, "", 1)
    before = codec.restore("CH-1", codec.SNAPSHOT_FORMAT, text)
    assert before.holds == (Hold("h", COMPLAINT, 5),)
    assert before.outages == ()


def test_nothing_is_waited_for_when_a_hold_stands() -> None:
    """Decision 16: deadlines are hints; a hold without an end gives none of its own."""
    w = in_grace(-20 * NANO)
    hold(w, COMPLAINT)
    assert next_deadline_ms(w.account, TERMS, w.now()) is not None
