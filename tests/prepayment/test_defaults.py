"""What a thing is when nobody says otherwise: old journals and snapshots are read with these values."""

import dataclasses
from typing import Any

import pytest

from gateway.prepayment.account import Account, Outcome, Spending, Start, Supply, Suspicion, Terms
from gateway.prepayment.agenda import Agenda
from gateway.prepayment.arrears import ArrearsPaid, Ordered, SupplyOrdered
from gateway.prepayment.events import (
    AccountClosed,
    AccountOpened,
    CloseCause,
    Hold,
    HoldReleased,
    HoldSet,
    MeterEvent,
    Opening,
    PowerSet,
    Reading,
    Restarted,
    Suspected,
)
from gateway.prepayment.ladder import Decision, Rule
from gateway.prepayment.ledger import Entry, Happening, Notice, Receipt, Transition, Verdict
from gateway.prepayment.outages import Outage, OutageCancelled
from gateway.prepayment.policy import DayKind, Delinquency, Policy, Reconnect, Slots, Term
from gateway.prepayment.position import Position
from gateway.prepayment.posting import Bonus, BonusSet, Numbers, Posted, Posting, Postings
from gateway.prepayment.rating import Rated, Usage
from gateway.prepayment.register import Judgement, Register, Span, Told
from gateway.prepayment.supply import Commodity, Voltage
from gateway.prepayment.taken import Taken
from gateway.prepayment.tariff import Tariff, Window

EMPTY: tuple[()] = ()


def defaults(kind: type[Any]) -> dict[str, object]:
    """The fields that may be left out, with what they are then."""
    found: dict[str, object] = {}
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    return found


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (
            Account,
            {
                "top_up_sequence": 0, "top_up_total_nano": 0, "reversal_sequence": 0, "reversal_total_nano": 0,
                "settled_charge_nano": 0, "settled_register_wh": None, "unsettled": (), "spending": Spending(),
                "holds": (), "outages": (), "lockout": None, "contact_running_ms": 0, "alarms": (), "start": None,
                "suspicion": None, "withheld_nano": 0, "adjusted_nano": 0, "lost_epochs": (), "postings": Postings(),
                "bonuses": (), "delivery_point": "", "commodity": Commodity.ELECTRICITY, "voltage": Voltage.LV,
                "domestic": True, "contract_id": "", "wraps_at_wh": None, "parallel": None, "agenda": Agenda(),
                "schedule": None,
                "arrears": (), "ordered": None, "armed": False, "voltage_check": None, "plant_power_w": 0,
                "unread_end": False,
                "low_told_at": None,
                "override": None,
            },
        ),
        (Supply, {"notice_running_ms": None, "dated_on": None, "grace_warned": False, "held_by": ""}),
        (Spending, {"day": None, "day_began_nano": None, "days_nano": ()}),
        (Start, {"leaves_switch": True}),
        (Suspicion, {"seq": 0, "leaves_switch": True}),
        (Terms, {"wraps_at_wh": None, "voltages": (), "serial": None}),
        (Outcome, {"records": (), "intervals": (), "verdict": None, "reread": False, "opened": None}),
        (PowerSet, {"from_utc_ms": None}),
        (
            Reading,
            {"quantum_wh": 1, "export_wh": None, "power_w": None, "serial": None, "defect": None, "voltages": ()},
        ),
        (Restarted, {"awaits": False, "known": True}),
        (Suspected, {"epoch": "", "seq": 0}),
        (Hold, {"amount_nano": 0, "rungs": (), "set_by": "", "reason": "", "began": None}),
        (
            HoldSet,
            {
                "until_utc_ms": None, "amount_nano": 0, "rungs": (), "set_by": "", "reason": "", "notice_utc_ms": None,
                "override": False,
            },
        ),
        (HoldReleased, {"released_by": "", "reason": ""}),
        (Outage, {"reference": "", "set_by": ""}),
        (OutageCancelled, {"cancelled_by": "", "reason": ""}),
        (
            AccountOpened,
            {
                "opening_balance_nano": 0, "opening_register_wh": None, "meter_serial": None,
                "delivery_point": "", "commodity": Commodity.ELECTRICITY, "voltage": Voltage.LV, "domestic": True,
                "kind": Opening.SEED, "contract_id": "", "plant_power_w": 0,
            },
        ),
        (MeterEvent, {"detail": ()}),
        (
            Position,
            {
                "notice_age_ms": None, "dated_utc_ms": None, "standing_utc_ms": None, "lockout": None, "holds": (),
                "posting_sequence": 0, "posting_missing": (), "bonuses_through": (), "arrears": None, "outages": (),
            },
        ),
        (Rule, {"guards": ()}),
        (Decision, {"rule": None, "blocked": ""}),
        (Verdict, {"reason": "", "detail": ()}),
        (Entry, {"reference": "", "from_register_wh": None, "to_register_wh": None, "lines": (), "detail": None}),
        (Transition, {"detail": ()}),
        (Notice, {"detail": ()}),
        (Numbers, {"highest": 0, "missing": ()}),
        (Postings, {"numbers": Numbers(), "total_nano": 0, "kept": ()}),
        (Posted, {"from_day": None, "to_day": None, "wh": None, "undone": False, "supersedes": ""}),
        (Bonus, {"legal_ref": "", "through": "", "told": False}),
        (BonusSet, {"legal_ref": ""}),
        (
            Posting,
            {
                "legal_ref": "", "from_day": None, "to_day": None, "reverses": "", "supersedes": "", "wh": None,
                "credit_nano": None, "debit_nano": None, "test_day": None, "fault_day": None,
                "case_id": None,
            },
        ),
        (Receipt, {"reason": "", "detail": ()}),
        (Happening, {"detail": ()}),
        (Term, {"duration_ms": None, "days": None, "day_kind": DayKind.CALENDAR}),
        (
            Slots,
            {
                "closed_weekdays": (), "closed_on_holidays": False, "closed_on_eves": False, "from_minute": 0,
                "to_minute": 1440, "moratoria": (), "help_hours": (), "min_open_after_ms": 0,
            },
        ),
        (
            Policy,
            {
                "payment_proof_working_days": 5, "posting_max_nano": 2_000_000_000_000, "delinquency": None,
                "reconnect": Reconnect.AUTO, "example": False,
            },
        ),
        (Delinquency, {"hearing_required": False, "interest": None, "indemnity": None}),
        (Ordered, {"slot_utc_ms": None}),
        (ArrearsPaid, {"amount_nano": None, "left_nano": None}),
        (SupplyOrdered, {"queue": False, "affected_heard": False}),
        (AccountClosed, {"cause": CloseCause.CUSTOMER_REQUEST, "final_register_wh": None}),
        (
            Usage,
            {
                "wh": 0, "net_nano": 0, "vat_nano": 0, "vat_rest_ppm": 0, "month": None, "month_wh": 0,
                "standing_through": None, "band": None, "tariff_ref": None, "volume_rest_ppm": 0,
            },
        ),
        (Rated, {"lines": (), "alarms": (), "estimated": False}),
        (
            Register,
            {
                "wh": None, "at": None, "segment": 1, "unobserved": False, "trouble": "", "candidate": None,
                "cases": (), "cases_opened": 0, "dated": None, "moved_ms": None, "told": (),
            },
        ),
        (Told, {"stands": True}),
        (Span, {"case": None}),
        (Judgement, {"spans": (), "events": (), "reread": False}),
        (Window, {"from_minute": 0, "to_minute": 1440}),
        (
            Tariff,
            {
                "calendar": None, "default_band": "all", "windows": (), "blocks_wh": (), "surcharges": (),
                "standing_nano_per_day": 0, "vat_ppm": 0, "prices_include_vat": True, "example": False,
                "commodity": Commodity.ELECTRICITY, "coefficient_ppm": 1_000_000,
            },
        ),
    ],
)  # fmt: skip
def test_what_is_left_out_means_this(kind: type[Any], wanted: dict[str, object]) -> None:
    """Decision 7: another default would give old rows and snapshots another meaning."""
    assert defaults(kind) == wanted


def test_an_accepted_request_is_plain_unless_it_says_more() -> None:
    """Decision 4: no entry, no transition, nothing else told."""
    taken = Taken(lambda account: account)
    assert (taken.verdict, taken.kind, taken.reference, taken.transition) == (
        Verdict(taken.verdict.status),
        None,
        "",
        None,
    )
    assert taken.verdict.status.value == "applied"
    assert taken.told(None, None) == EMPTY  # type: ignore[arg-type]
