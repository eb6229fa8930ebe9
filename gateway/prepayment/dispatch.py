"""Which file decides on which contract operation."""

from __future__ import annotations

from typing import assert_never

from gateway.prepayment import contract, fieldwork, replacement, rollover
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.ledger import Verdict
from gateway.prepayment.operations import (
    CertificateAsked,
    DueCancelled,
    JobAssigned,
    JobMoved,
    ManuallyRead,
    MeterReplaced,
    MeterTestBegun,
    MeterTestEnded,
    Operation,
    ReadingValidated,
    RolledOver,
)
from gateway.prepayment.taken import Taken


def operate(account: Account, request: Operation, terms: Terms) -> Taken | Verdict:
    """Accept or refuse one contract operation on an open account."""
    match request:
        case CertificateAsked():
            return contract.certificate_asked(account, request)
        case DueCancelled():
            return contract.due_cancelled(account, request)
        case RolledOver():
            return rollover.rolled_over(account, request, terms)
        case MeterReplaced():
            return replacement.meter_replaced(account, request, terms)
        case MeterTestBegun():
            return fieldwork.test_begun(account, request)
        case MeterTestEnded():
            return fieldwork.test_ended(account, request)
        case ManuallyRead():
            return fieldwork.manually_read(account, request, terms)
        case ReadingValidated():
            return fieldwork.reading_validated(account, request)
        case JobAssigned():
            return fieldwork.job_assigned(account, request)
        case JobMoved():
            return fieldwork.job_moved(account, request)
        case _:
            assert_never(request)
