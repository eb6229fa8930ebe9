"""What the gateway tells the customer itself: once for each crossing, no storm, before anything is cut (S4-22).

Held against the rows and against what reached the recipient, message by message. A message may come twice only where
nobody can know whether it came: the daemon ended, or the answer of the other side was lost.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tests.simulation.invariants.ladder import duration_ms
from tests.simulation.invariants.witness import Row, Witness
from tests.simulation.site import ALERTS_A_DAY, RECIPIENTS, policy_text
from tests.simulation.till import nano_of

if TYPE_CHECKING:
    from tests.simulation.post import Posted

DAY_S = 86_400.0
TWICE = 2
"""What announces a cut, or its end, may use twice the rate."""
REPEATS_MAX = 2
"""Of one message in one life of the daemon, where answers are lost."""
SOON_MS = 600_000
"""How long a message may take when nothing is wrong."""
CUTS = frozenset({"LIMITED", "SUSPENDED"})
WARNS = frozenset({"grace", "grace_expiring"})


class Messages:
    """Follows notices, and what was posted."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        world = witness.world
        self._reached: dict[int, list[Posted]] = {}
        """By the row they tell of."""
        self._times: dict[str, deque[float]] = {}
        self._armed: dict[str, bool] = {}
        """By account: credit may get low again, since something was credited or changed."""
        self._warned: dict[str, tuple[Row, float, int]] = {}
        """By account: the row that announces the next step, when it was seen, and in which life."""
        self._done: set[int] = set()
        """Rows whose message is on record as sent."""
        terms = policy_text(world.setting.terms, world.setting.post_paid, gas=world.setting.gas)
        found = [line.partition('"')[2].rstrip('"\n') for line in terms.splitlines() if "min_after_notice" in line]
        self._after_ms = duration_ms(found[0]) if found else 0
        world.on.posted.append(self.posted)
        witness.follow(self)

    def begin(self) -> None:
        """See `Reader`."""
        self._armed, self._warned, self._done = {}, {}, set()

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        account_id = row.get("account_id", "")
        match row["type"]:
            case "entry" if nano_of(row["amount"]) > 0:
                self._armed[account_id] = True
            case "receipt" if row["status"] == "applied":
                self._armed[account_id] = True
            case "event" if row["what"] == "alert.sent":
                self._done.add(row["detail"]["row"])
            case "transition":
                self._moved(row, account_id)
            case "notice" if row["template"] == "low":
                if not self._armed.get(account_id, True):
                    self._violated(
                        "S4-22", f"row {row['seq']}: credit is low once more, and nothing was credited since"
                    )
                self._armed[account_id] = False
            case "notice" if row["template"] in WARNS:
                self._warn(row, account_id)
            case _:
                pass

    def posted(self, posted: Posted) -> None:
        """Something reached the customer."""
        world, message = self._witness.world, posted.message
        seq = int(message.message_id.split(".")[2])
        if seq in self._done:
            self._violated("S4-22", f"the message of row {seq} came once more, and it was on record as sent")
        before = self._reached.setdefault(seq, [])
        again = [one for one in before if one.life == posted.life and one.message.message_id == message.message_id]
        clear = world.post.troubled_s < (again[-1].at_s if again else 0.0) and world.post.mood == "well"
        if again and (clear or len(again) >= REPEATS_MAX):
            self._violated("S4-22", f"the message of row {seq} came {len(again) + 1} times in one life of the daemon")
        before.append(posted)
        times = self._times.setdefault(message.to, deque())
        times.append(posted.at_s)
        while times[0] < posted.at_s - DAY_S:
            times.popleft()
        if len(times) > TWICE * ALERTS_A_DAY:
            self._violated("S4-22", f"{len(times)} messages to one customer in a day")

    def _warn(self, row: Row, account_id: str) -> None:
        world = self._witness.world
        if account_id not in self._warned:
            self._warned[account_id] = (row, world.loop.time(), world.process.life)

    def _moved(self, row: Row, account_id: str) -> None:
        warned = self._warned.pop(account_id, None)
        if row["target"] in CUTS and row["rule"] != "resynced" and warned is not None:
            self._told(row, *warned)

    def _told(self, row: Row, notice: Row, seen_s: float, life: int) -> None:
        """Where a channel was up all the time, the customer had the message early enough."""
        world = self._witness.world
        if not world.setting.told or world.setting.post_paid is not None or world.process.life != life:
            return
        if row["account_id"] not in RECIPIENTS:
            return
        troubled = world.post.troubled_s >= seen_s - SOON_MS / 1000 or world.post.mood != "well"
        if troubled or self._witness.restores or world.faulted & {"medium", "image"}:
            return
        now_ms = row["at"]["running_ms"]
        least_ms = min(self._after_ms, now_ms - notice["at"]["running_ms"]) - SOON_MS
        reached = [one for one in self._reached.get(notice["seq"], ()) if one.life == life]
        early = [one for one in reached if (world.loop.time() - one.at_s) * 1000 >= least_ms]
        if not early:
            told = f"{len(reached)} messages reached the customer of the notice in row {notice['seq']}"
            self._violated("I9", f"row {row['seq']}: {row['source']} -> {row['target']}, and {told}")

    def _violated(self, invariant: str, what: str) -> None:
        self._witness.world.violated(invariant, what)


def attach(witness: Witness) -> None:
    """Follow what is told."""
    Messages(witness)
