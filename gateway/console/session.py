"""Who is at one line of the console."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.console.otp import Challenge
from gateway.console.register import User
from gateway.console.wire import Role


@dataclass(slots=True)
class Session:
    """Who is at one line. Logging in changes it; it ends with the connection."""

    line: str
    """Where the person sits, for the record: the user of the machine that opened the socket."""
    who: str = ""
    role: Role = Role.NOBODY
    proven: bool = False
    """The service centre has signed a one-time code in this session."""
    challenge: Challenge | None = None
    """The newest one that this line was shown; no older one can be answered."""
    user: User | None = None
    """The entry whose password opened the session: when it changes, the session is over."""
    since_ms: int = 0
    active_ms: int = 0
    """Of the monotonic clock: when it was opened, and when something was asked last."""

    def end(self) -> None:
        """Nobody is logged in any more."""
        self.who, self.role, self.proven, self.user, self.challenge = "", Role.NOBODY, False, None, None
