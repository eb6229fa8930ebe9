"""The desk: what an action may reach, who is asking, and how one ask becomes one answer.

An action is one line in the `ACTIONS` of its area (`status.py`, `books.py`, ...): its name, the role it needs, its body
and the function that answers. What changes supply or money also needs `proven`: that the utility's service centre has
signed a one-time code for this session (I14).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.clock import SystemClock
from gateway.config.settings import Settings
from gateway.console.access import Access, Outside
from gateway.console.codes import code_of
from gateway.console.session import Session
from gateway.console.wire import Answer, Ask, Role
from gateway.documents.key import DeviceKey
from gateway.errors import CommandRefused, MeterError
from gateway.headend.run import Headend
from gateway.installation import Installation
from gateway.plant import Plant
from gateway.store import Store
from gateway.teller import Teller

if TYPE_CHECKING:
    from gateway.alerts.run import Alerts

__all__ = ["Action", "Desk", "Id", "Nothing", "Run", "Session", "answer", "open_desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of the running daemon that actions work with."""

    installation: Installation
    store: Store
    teller: Teller
    clock: SystemClock
    plant: Plant
    headend: Headend
    device: DeviceKey
    access: Access
    alerts: Alerts | None = None
    """None where no channel is configured."""

    @property
    def settings(self) -> Settings:
        """The tables of gateway.toml."""
        return self.installation.configuration.settings


def open_desk(
    installation: Installation,
    store: Store,
    teller: Teller,
    clock: SystemClock,
    plant: Plant,
    headend: Headend,
    device: DeviceKey,
    outside: Outside | None = None,
) -> Desk:
    """The desk of a running daemon."""
    configuration = installation.configuration
    access = Access(
        configuration.store.parent,
        configuration.settings.gateway.id,
        configuration.settings.console,
        clock,
        teller.note,
        service_key=configuration.service_key,
        outside=outside,
    )
    return Desk(installation, store, teller, clock, plant, headend, device, access)


Run = Callable[[Desk, Session, Any], Awaitable[object]]
"""Answers an ask with what msgspec can encode. Raises CommandRefused or MeterError, and then has changed nothing."""


Id = Annotated[str, Meta(max_length=64)]
"""The id of something, as it was typed; whether there is such a thing is for the action to say."""


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an action that takes no arguments."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be asked at the console."""

    name: str
    role: Role
    run: Run
    body: type[Struct] = Nothing
    proven: bool = False


async def answer(desk: Desk, session: Session, ask: Ask, actions: Mapping[str, Action]) -> Answer:
    """What to answer this ask. Anything but the errors that belong to an ask ends the process, as everywhere."""
    action = actions.get(ask.do)
    try:
        goes_on = await desk.access.refresh(session)
        if action is None:
            raise CommandRefused("unknown_action", action=ask.do)
        if not goes_on and action.role is not Role.NOBODY:
            raise CommandRefused("session_ended")
        if not session.role.allows(action.role):
            raise CommandRefused("not_allowed_here", needs=action.role.value, role=session.role.value)
        if action.proven and not session.proven:
            raise CommandRefused("code_needed")
        try:
            body = msgspec.convert(ask.args, action.body)
        except msgspec.ValidationError as error:
            raise CommandRefused("bad_arguments", complaint=str(error)[:200]) from error
        return Answer(ask.id, ok=True, data=await action.run(desk, session, body))
    except CommandRefused as refusal:
        return Answer(
            ask.id, ok=False, code=code_of(refusal.reason), reason=refusal.reason, detail=dict(refusal.detail)
        )
    except MeterError as error:
        reason = "meter_failed"
        return Answer(ask.id, ok=False, code=code_of(reason), reason=reason, detail={"complaint": str(error)[:200]})
