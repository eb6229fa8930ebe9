"""The words and the plain values of contracts, field work, arrears and documents: old books are read with them."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from enum import StrEnum
from typing import Any

import pytest

from gateway import prepayment
from gateway.prepayment.agenda import (
    Agenda,
    CertificateDue,
    Job,
    JobKind,
    JobState,
    MeterTest,
    MeterTestOutcome,
    ReadingSource,
    RolloverKind,
)
from gateway.prepayment.arrears import Proof
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.certificate import CertificateQuality, CertificateReason, Known
from gateway.prepayment.delinquency import Phase
from gateway.prepayment.events import CloseCause, Opening
from gateway.prepayment.export import Channel, DocumentAsked, DocumentKind, Form, Locale, Resolution
from gateway.prepayment.fees import Late, PaidBy
from gateway.prepayment.intervals import IntervalState
from gateway.prepayment.ladder import Condition, Situation
from gateway.prepayment.ledger import EpochOpened
from gateway.prepayment.operations import (
    CertificateAsked,
    JobMoved,
    ManuallyRead,
    MeterReplaced,
    MeterTestBegun,
    MeterTestEnded,
    RolledOver,
)
from gateway.prepayment.periods import BillingClass
from gateway.prepayment.policy import Anchor, Interest, Reconnect
from gateway.prepayment.schedule import Rule, Service
from gateway.prepayment.supply import Commodity, Voltage
from gateway.prepayment.tenminutes import VoltageCheck
from gateway.prepayment.voltage import VoltageCheckBegun
from tests.prepayment import test_defaults, test_words

WORDS: dict[type[StrEnum], str] = {
    RolloverKind: "voltura voltura_mortis_causa",
    MeterTestOutcome: "correct out_of_tolerance",
    ReadingSource: "self technician",
    JobKind: "reading meter_replacement meter_test reconnection works_complete inspection",
    JobState: "assigned started done cancelled",
    Proof: "registered_letter certified_mail unproven",
    CertificateReason: "switch voltura billing termination activation conguaglio check replacement self_reading",
    CertificateQuality: "actual nearest estimated declared",
    Phase: "REGULAR NOTICED REQUESTABLE LIMITED SUSPENDED TERMINABLE TERMINATED",
    Opening: "seed activation subentro rollover",
    CloseCause: "customer_request delinquency",
    DocumentKind: "load_curve month statement topups certificates evidence",
    Channel: "import export production",
    Resolution: "quarter hour day month",
    Form: "csv csv_it json html",
    Locale: "it_CH it_IT de_CH fr_CH en_GB",
    PaidBy: "next_bill cheque",
    BillingClass: "yearly half_yearly four_monthly five two_monthly monthly",
    Anchor: "due notice",
    Reconnect: "auto armed",
    Rule: (
        "fixed estenergy_gas estenergy_electricity multiservice_gas multiservice_gas_reading multiservice_electricity"
    ),
    Commodity: "electricity gas",
    Voltage: "LV MV HV",
}

DEFAULTS: dict[type[Any], dict[str, object]] = {
    Agenda: {
        "certificates_due": (), "powers_due": (), "rollover_due": None, "tests": (), "readings": (), "jobs": (),
    },
    CertificateDue: {"reference": "", "asked_utc_ms": None},
    MeterTest: {"frozen_to_utc_ms": None, "test_on": None, "info_due_on": None, "reminded": False},
    Job: {"state": JobState.ASSIGNED},
    Calendar: {"moratoria": ()},
    Known: {"export_wh": None, "production_wh": None},
    DocumentAsked: {
        "resolution": Resolution.QUARTER, "channels": (), "form": None, "locale": Locale.IT_CH, "five_rappen": False,
    },
    Late: {"base": "tur", "spread_ppm": 35_000, "legal": "legal", "good_payer_days": 10},
    IntervalState: {
        "at_utc_ms": None, "register_wh": 0, "export_wh": None, "open_import_wh": 0, "open_export_wh": 0,
        "open_estimated": False,
    },
    Situation: {"toward": None},
    EpochOpened: {"restored": ""},
    CertificateAsked: {"at_utc_ms": None, "reference": "", "known": None},
    RolledOver: {"at_utc_ms": None, "known": None},
    MeterReplaced: {
        "reason": "", "case_id": "", "model": "", "wraps_at_wh": None, "old_export_end_wh": None,
        "new_export_start_wh": None,
    },
    MeterTestBegun: {"frozen_from_utc_ms": None},
    MeterTestEnded: {"error_ppm": 0, "reference": ""},
    ManuallyRead: {"floor": None, "ceiling": None},
    JobMoved: {"technician": ""},
    Interest: {"good_payer_years": 0, "good_payer_days": 0},
    Service: {"billing": None, "smc_per_year": None, "constant_instalments": False},
    VoltageCheck: {"mark_utc_ms": 0, "gathering": (), "hour": (), "tallies": ()},
    VoltageCheckBegun: {"case_id": ""},
}  # fmt: skip


@pytest.mark.parametrize("words", WORDS, ids=lambda kind: kind.__name__)
def test_the_words_of_contracts_stay(words: type[StrEnum]) -> None:
    """Decision 7: rows, commands and snapshots of today are read with these words in ten years."""
    assert [word.value for word in words] == WORDS[words].split()


@pytest.mark.parametrize("kind", DEFAULTS, ids=lambda kind: kind.__name__)
def test_what_a_contract_leaves_out_means_this(kind: type[Any]) -> None:
    """Decision 7: another default would give old rows and snapshots another meaning."""
    assert test_defaults.defaults(kind) == DEFAULTS[kind]


def _defined() -> list[type[Any]]:
    """Every public class of the rules, in the module that defines it."""
    modules = [importlib.import_module(f"{prepayment.__name__}.{one.name}") for one in pkgutil.iter_modules(
        prepayment.__path__)]  # fmt: skip
    return [
        thing
        for module in modules
        for name, thing in vars(module).items()
        if isinstance(thing, type) and thing.__module__ == module.__name__ and not name.startswith("_")
    ]


def test_no_word_is_without_its_pin() -> None:
    """Decision 7: a new enumeration is written down here; conditions are texts for people and stored nowhere."""
    [elsewhere] = test_words.test_the_words_of_rows_and_messages_stay.pytestmark  # type: ignore[attr-defined]
    pinned = {*WORDS, *(words for words, _ in elsewhere.args[1]), Condition}
    assert {kind for kind in _defined() if issubclass(kind, StrEnum)} == pinned


def test_no_default_is_without_its_pin() -> None:
    """Decision 7: a new field that may be left out is written down here."""
    [elsewhere] = test_defaults.test_what_is_left_out_means_this.pytestmark
    pinned = {*DEFAULTS, *(kind for kind, _ in elsewhere.args[1])}
    plain = {kind for kind in _defined() if dataclasses.is_dataclass(kind) and test_defaults.defaults(kind)}
    assert {kind.__name__ for kind in plain - pinned} <= {"Rule", "Taken"}
