"""Which message a status report belongs to. A reference is one octet, so at most 256 parts are waited for.

What is waited for is in memory only: after a restart a report that was under way finds nobody, and nothing is told.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.alerts.pdu import Fate, Report

AWAITED_MAX = 64
EARLY_MAX = 16
_SAME_DIGITS = 6
"""Networks write a number with or without its country; its end is the same."""

Told = Callable[[str, Fate], None]
"""The message and what became of it: delivered, failed or unsure; called once for each message at most."""


@dataclass(slots=True)
class _Awaited:
    message_id: str
    digits: str
    left: set[int] = field(default_factory=set)
    unsure: bool = False


class Deliveries:
    """Messages that were handed over, and the reports of their parts."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._awaited: OrderedDict[str, _Awaited] = OrderedDict()
        self._early: deque[Report] = deque(maxlen=EARLY_MAX)
        self._holding = False

    def hold(self) -> None:
        """A message is being handed over: a report may come before its reference is known, so all of them wait."""
        self._holding = True

    def release(self) -> None:
        """It has been handed over, or was not."""
        self._holding = False
        early, self._early = self._early, deque(maxlen=EARLY_MAX)
        for report in early:
            self.take(report)

    def sent(self, message_id: str, to: str, references: Sequence[int]) -> None:
        """Every part has been handed over."""
        for awaited in list(self._awaited.values()):
            if not awaited.left.isdisjoint(references):  # the modem gives them again: nobody will hear of the old ones
                self._end(awaited, Fate.UNSURE)
        self._awaited[message_id] = _Awaited(message_id, to[-_SAME_DIGITS:], set(references))
        while len(self._awaited) > AWAITED_MAX:
            self._awaited.popitem(last=False)

    def take(self, report: Report) -> None:
        """One report has come."""
        if report.fate is Fate.WAITING:
            return
        if self._holding:
            self._early.append(report)
            return
        for awaited in self._awaited.values():
            if report.reference in awaited.left and report.digits.endswith(awaited.digits):
                self._settle(awaited, report)
                return

    def _settle(self, awaited: _Awaited, report: Report) -> None:
        awaited.left.discard(report.reference)
        awaited.unsure = awaited.unsure or report.fate is Fate.UNSURE
        if report.fate is Fate.FAILED:
            self._end(awaited, Fate.FAILED)
        elif not awaited.left:
            self._end(awaited, Fate.UNSURE if awaited.unsure else Fate.DELIVERED)

    def _end(self, awaited: _Awaited, fate: Fate) -> None:
        del self._awaited[awaited.message_id]
        self._told(awaited.message_id, fate)
