"""Whether an armed supply that shows closed may stay so, although nobody on site has said a word (decision 14)."""

from __future__ import annotations

from gateway.prepayment.account import Account
from gateway.prepayment.supply import Control, SwitchState


class ClosedAllAlong:
    """Seen closed when nothing had to be open or to wait, and never open since; a poll that cannot see changes nothing.

    A switch that was open and shows closed has let go, however often it is seen so before it can be opened again.
    """

    def __init__(self) -> None:
        self.so = False

    def seen(self, shown: SwitchState | None, wanted: Control, account: Account | None) -> None:
        """What a poll saw, and what had to be so; an armed supply waits also while its switch is left as found."""
        if shown is None:
            return
        waits = wanted.switch is SwitchState.DISCONNECTED or account is None or account.armed
        self.so = shown is SwitchState.CONNECTED and (self.so or not waits)

    def moved(self, state: SwitchState) -> None:
        """This gateway has moved it, and it obeyed."""
        self.so = state is SwitchState.CONNECTED
