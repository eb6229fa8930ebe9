"""What an account accepts from the central system, and why it refuses (the *validation* step of a command).

`take` answers a request with a `Verdict` (refused, or already included) that changes nothing, or with a `Taken` that
says how the account changes. Signature, audience and freshness were checked before (`gateway.commands`); sequences of
an account's own money live here, because only the account knows them (decision 4). Each area has a file of its own
(credit, agreement, protection, ...); a new request is a function there, a member of `Request` and a line in `take`.
"""

from __future__ import annotations

from gateway.prepayment import agreement, bonus, credit, delinquency, postings, protection, unpaid
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.arrears import ArrearsNoticed, ArrearsPaid, ReconnectAllowed, SupplyOrdered
from gateway.prepayment.contract import power_set
from gateway.prepayment.dispatch import operate
from gateway.prepayment.ending import closed
from gateway.prepayment.events import (
    AccountClosed,
    HoldReleased,
    HoldSet,
    LockoutReleased,
    LockoutSet,
    PolicySet,
    PowerSet,
    TariffSet,
    TopUp,
    TopUpReversal,
)
from gateway.prepayment.ledger import Verdict
from gateway.prepayment.operations import MeterTestEnded, Operation
from gateway.prepayment.outages import OutageCancelled, OutagePlanned
from gateway.prepayment.override import OverrideEnded, OverrideSet
from gateway.prepayment.overriding import override_ended, override_set
from gateway.prepayment.position import Resynced
from gateway.prepayment.posting import BonusSet, Posting
from gateway.prepayment.resync import resync
from gateway.prepayment.schedule import ScheduleSet, schedule_set
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.taken import Taken, refused
from gateway.prepayment.voltage import VoltageCheckBegun, check_begun

Request = (
    TopUp
    | TopUpReversal
    | TariffSet
    | PolicySet
    | PowerSet
    | HoldSet
    | HoldReleased
    | OutagePlanned
    | OutageCancelled
    | LockoutSet
    | LockoutReleased
    | AccountClosed
    | Resynced
    | Operation
    | ArrearsNoticed
    | ArrearsPaid
    | SupplyOrdered
    | ReconnectAllowed
    | Posting
    | BonusSet
    | ScheduleSet
    | VoltageCheckBegun
    | OverrideSet
    | OverrideEnded
)
"""Everything `take` decides on."""
_AFTER_THE_END = Resynced | Posting | ArrearsPaid | MeterTestEnded
"""What a closed account still takes: the books, and what its last bill is settled with."""


def take(account: Account, request: Request, terms: Terms) -> Taken | Verdict:  # noqa: C901, PLR0911, PLR0912 - a line per request
    """Accept or refuse one request. A closed account accepts nothing (S1-15) but what settles its last bill."""
    if account.supply.state is SupplyState.TERMINATED and not isinstance(request, _AFTER_THE_END):
        return refused("account_closed")
    match request:
        case TopUp():
            return credit.top_up(account, request)
        case TopUpReversal():
            return credit.reversal(account, request)
        case TariffSet():
            return agreement.tariff_set(account, request)
        case PolicySet():
            return agreement.policy_set(account, request, terms)
        case PowerSet():
            return power_set(account, request)
        case HoldSet():
            return protection.hold_set(account, request, terms)
        case HoldReleased():
            return protection.hold_released(account, request)
        case OutagePlanned():
            return protection.outage_planned(account, request)
        case OutageCancelled():
            return protection.outage_cancelled(account, request)
        case LockoutSet():
            return protection.lockout_set(account, request)
        case LockoutReleased():
            return protection.lockout_released(account)
        case AccountClosed():
            return closed(account, request, terms)
        case Resynced():
            return resync(account, request)
        case ArrearsNoticed():
            return unpaid.noticed(account, request, terms)
        case ArrearsPaid():
            return unpaid.paid(account, request)
        case SupplyOrdered():
            return delinquency.ordered(account, request, terms)
        case ReconnectAllowed():
            return delinquency.reconnect_allowed(account, request)
        case Posting():
            return postings.post(account, request)
        case ScheduleSet():
            return schedule_set(account, request)
        case VoltageCheckBegun():
            return check_begun(account, request, terms)
        case OverrideSet():
            return override_set(account, request)
        case OverrideEnded():
            return override_ended(account, request)
        case BonusSet():
            return bonus.bonus_set(account, request)
        case _:
            return operate(account, request, terms)
