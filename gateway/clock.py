"""The only file that may ask the time or sleep, and the place where the time's trust level is decided.

Everything else gets a `Moment` as an argument. `running_ms` counts the time observed while running over the whole
life of the gateway: the value saved at the last checkpoint plus the monotonic clock since this start.
"""

from __future__ import annotations

from typing import Protocol

from gateway.prepayment.events import Moment


class Clock(Protocol):
    """What the program knows of time; the simulation has its own."""

    def now(self) -> Moment:
        """The instant with its trust level."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds since an arbitrary start; never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Give way for at least this long."""
        ...
