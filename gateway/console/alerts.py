"""The messages to the customer: which channels there are, how they are, what waits and why.

Nobody's address is in an answer: persons are shown masked (S4-25).
"""

from __future__ import annotations

from msgspec import Struct

from gateway.alerts.outbox import Outbox
from gateway.alerts.queue import Job
from gateway.console.desk import Action, Desk, Nothing, Session
from gateway.console.wire import Role
from gateway.prepayment.events import Moment

SHOWN_MAX = 20


class ChannelState(Struct, frozen=True):
    """One channel. `last` is what became of the latest attempt; the counts are those of this run."""

    channel: str
    state: str
    last: str
    recipients: int
    waiting: int
    behind_rows: int
    sent: int
    given_up: int
    superseded: int
    expired: int


class Waiting(Struct, frozen=True, omit_defaults=True):
    """One message that is not sent; `in_s` is how long it waits at least, `reason` why it was not sent before."""

    channel: str
    account: str
    message: str
    to: str
    row: int
    tries: int
    in_s: int
    reason: str = ""


class AlertsState(Struct, frozen=True):
    """All channels, and the oldest messages that wait."""

    channels: tuple[ChannelState, ...]
    waiting: tuple[Waiting, ...]


async def alerts(desk: Desk, _session: Session, _body: Nothing) -> AlertsState:
    """The state of the queue and its channels."""
    outboxes = () if desk.alerts is None else desk.alerts.outboxes
    now = desk.clock.now()
    waiting = [_waiting(outbox, job, now) for outbox in outboxes for job in outbox.queue.jobs.values()]
    waiting.sort(key=lambda one: one.row)
    return AlertsState(tuple(_state(outbox) for outbox in outboxes), tuple(waiting[:SHOWN_MAX]))


def _state(outbox: Outbox) -> ChannelState:
    queue = outbox.queue
    return ChannelState(
        channel=outbox.channel.name,
        state=outbox.channel.state,
        last=outbox.last,
        recipients=len(outbox.recipients),
        waiting=len(queue.jobs),
        behind_rows=outbox.behind_rows,
        sent=queue.counts.sent,
        given_up=queue.counts.given_up,
        superseded=queue.counts.superseded,
        expired=queue.counts.expired,
    )


def _waiting(outbox: Outbox, job: Job, now: Moment) -> Waiting:
    return Waiting(
        channel=outbox.channel.name,
        account=job.occasion.account_id,
        message=job.occasion.message,
        to=job.recipient.masked,
        row=job.occasion.seq,
        tries=job.tries,
        in_s=outbox.queue.wait_ms(job, now) // 1000,
        reason=job.reason,
    )


ACTIONS = (Action("alerts", Role.VIEWER, alerts),)
