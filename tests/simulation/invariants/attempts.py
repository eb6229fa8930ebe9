"""Who guesses gets a few tries a day, whatever he does to the power or to a clock (I18, threat 22).

Counted where it cannot be hidden: at the comparison of a password itself, and by what the line was answered. True time
is the measure; what the gateway counts as running can only be less. A card with an older file on it begins anew.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from tests.simulation.invariants.witness import Witness

if TYPE_CHECKING:
    from tests.simulation.console import Asked

DAY_S = 86_400.0
A_DAY_MAX = 13
MINUTE_S = 60.0
MOMENT_S = 2.0
DRIFT = 1e-3
"""A crystal that is too fast counts more running than there was."""
LOGIN, CREDIT = "login", "credit"
_LOCK = {"login": LOGIN, "passwd": LOGIN, "topup.code": CREDIT}
_FREE = frozenset({
    "locked_out", "not_recorded", "code_mistyped", "code_length", "code_characters", "code_groups", "no_service_key",
    "which_account", "bad_arguments", "no_challenge", "code_expired", "passwords_lost", "too_many_logins",
    "not_allowed_here", "session_ended", "changed_already", "password_length", "password_capital", "password_digit",
    "password_special", "no_password", "books_unknown", "crashed_before", "busy",
})  # fmt: skip
"""Answers that tell nothing of what was guessed at: nothing was judged."""


class Attempts:
    """Follows what is judged of each lock."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._judged: dict[str, deque[float]] = {LOGIN: deque(), CREDIT: deque()}
        self._until_s = {LOGIN: 0.0, CREDIT: 0.0}
        """Before that nothing may be judged: the gateway said so."""
        self._failed = 0
        self._trusted = True
        """No card was exchanged and none has rotted."""
        on = witness.world.on
        on.asked.append(self.asked)
        on.judged.append(self.judged)
        on.restored.append(self._anew)
        on.settled.append(self.settled)

    def _anew(self) -> None:
        self._trusted = False
        for lock in self._judged:
            self._judged[lock].clear()
            self._until_s[lock] = 0.0

    def judged(self, right: bool) -> None:
        """A password has just been compared: the failure is on the card already, and the time was up."""
        now_s = self._witness.world.loop.time()
        self._in_time(LOGIN, now_s)
        if not right:
            self._judged[LOGIN].append(now_s)
            self._few(LOGIN, now_s)
        kept = self._kept()
        if not kept.get(LOGIN, {}).get("failures"):
            self._violated("a password was compared and no failure was on the card before")

    def asked(self, asked: Asked) -> None:
        """An answer tells whether something was judged."""
        lock, answer = _LOCK.get(asked.do), asked.answer
        if lock is None or answer is None:
            return
        now_s, reason = self._witness.world.loop.time(), answer.get("reason", "")
        if reason not in _FREE and not (lock == LOGIN and not asked.args.get("code")):
            self._told(lock, answer, now_s)
        elif reason not in _FREE:
            self._failed += not answer["ok"]  # a password: `judged` has seen it
        minutes = int(answer.get("detail", {}).get("minutes", 0))
        if minutes and reason not in ("too_many_logins", "changed_already"):
            wait_s = (minutes - 1) * MINUTE_S * (1 - DRIFT) - MOMENT_S
            self._until_s[lock] = max(self._until_s[lock], now_s + wait_s)

    def _told(self, lock: str, answer: dict[str, Any], now_s: float) -> None:
        """A code was judged."""
        self._in_time(lock, now_s)
        if not answer["ok"] or answer["data"].get("status") == "already_included":
            self._judged[lock].append(now_s)
            self._few(lock, now_s)
            self._failed += 1
        elif lock == LOGIN:
            self._judged[lock].clear()  # a one-time code forgives what was before
            self._until_s[lock] = 0.0

    def settled(self) -> None:
        """Every failure is on record (I24)."""
        rows = [row for row in self._witness.rows if row.get("what") == "console.refused"]
        if self._trusted and "medium" not in self._witness.world.faulted and len(rows) < self._failed:
            self._violated(f"{self._failed} attempts were told to be wrong, {len(rows)} are on record")

    def _in_time(self, lock: str, now_s: float) -> None:
        if now_s < self._until_s[lock]:
            left_s = self._until_s[lock] - now_s
            self._violated(f"something was judged for {lock} {left_s:.0f} s before the lock-out was over")

    def _few(self, lock: str, now_s: float) -> None:
        times = self._judged[lock]
        while times and times[0] < now_s - DAY_S * (1 - DRIFT):
            times.popleft()
        if len(times) > A_DAY_MAX:
            self._violated(f"{len(times)} attempts for {lock} in a day")

    def _kept(self) -> dict[str, dict[str, int]]:
        """The locks as they are on the card at this instant."""
        path = self._witness.world.medium.folder / "access.json"
        if not path.is_file():
            return {}
        found: dict[str, dict[str, int]] = json.loads(path.read_bytes())["register"].get("locks", {})
        return found

    def _violated(self, what: str) -> None:
        self._witness.world.violated("I18", what)


def attach(witness: Witness) -> None:
    """Count the attempts."""
    Attempts(witness)
