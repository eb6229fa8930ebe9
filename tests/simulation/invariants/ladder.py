"""The supply ladder: allowed edges, no stage skipped, and nothing sooner than the policy file allows (I8, I9, I16).

Terms are read from the policy document the row names, as the utility wrote it. Durations are held against the rows'
own running time, which `counters.py` holds against true time; dates and hours are held against the true calendar.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.simulation.invariants.witness import Row, Witness, agreed, lifetime, vouched
from tests.simulation.protections import Protections, utc_ms
from tests.simulation.site import policy_text
from tests.simulation.till import nano_of

ZONE = ZoneInfo("Europe/Zurich")
"""Rome keeps the same hours."""
EDGES = {
    "restored": (("LIMITED", "SUSPENDED"), "NORMAL"),
    "restored_low": (("LIMITED", "SUSPENDED"), "LOW_CREDIT"),
    "protected": (("LIMITED", "SUSPENDED"), "GRACE"),
    "credit_back": (("GRACE",), "NORMAL"),
    "credit_back_low": (("GRACE",), "LOW_CREDIT"),
    "low_cleared": (("LOW_CREDIT",), "NORMAL"),
    "credit_gone": (("NORMAL", "LOW_CREDIT"), "GRACE"),
    "credit_low": (("NORMAL",), "LOW_CREDIT"),
    "grace_over": (("GRACE",), "LIMITED"),
    "grace_over_no_limit": (("GRACE",), "SUSPENDED"),
    "offline_debt_cap": (("GRACE",), "LIMITED"),
    "unconfirmed_debt_cap": (("GRACE",), "LIMITED"),
    "limit_over": (("LIMITED",), "SUSPENDED"),
    "closed": (("NORMAL", "LOW_CREDIT", "GRACE", "LIMITED", "SUSPENDED"), "TERMINATED"),
    "rolled_over": (("NORMAL", "LOW_CREDIT", "GRACE", "LIMITED", "SUSPENDED"), "TERMINATED"),
}
ORDERED = {
    "ordered_limit": (("NOTICED",), "LIMITED"),
    "ordered_suspend": (("LIMITED",), "SUSPENDED"),
    "ordered_suspend_direct": (("NOTICED",), "SUSPENDED"),
}
"""Post-paid, on a signed order only (2.8, 12): `claims.py` finds the order and its terms."""
CENTRAL_EDGES = ORDERED | {
    "noticed": (("REGULAR",), "NOTICED"),
    "paid": (("NOTICED",), "REGULAR"),
    "paid_restored": (("LIMITED", "SUSPENDED"), "REGULAR"),
    "protected": (("LIMITED", "SUSPENDED"), "NOTICED"),
    "closed": (("REGULAR", "NOTICED", "LIMITED", "SUSPENDED"), "TERMINATED"),
    "rolled_over": (("REGULAR", "NOTICED", "LIMITED", "SUSPENDED"), "TERMINATED"),
}
BY_MONEY = {"offline_debt_cap": 1, "unconfirmed_debt_cap": 2}
"""Escalations that need neither a term nor the time: so many times the offline debt cap must be owed."""
ESCALATIONS = frozenset({"grace_over", "grace_over_no_limit", "limit_over", *BY_MONEY})
RESYNCED = "resynced"
"""A resync puts an account where the head-end's rows say it stood, with its terms as far as they had run."""
NOTICES = frozenset({"grace", "limited", "suspended"})
PROTECTIVE = frozenset({"non_disconnectable", "life_support", "shared_point"})
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LATE_MS = 120_000
"""By how much the gateway's proven time may be off: answers on their way, the drift of a day."""
_CALENDARS = Path(__file__).parents[3] / "config" / "calendars"
_UNIT_MS = {"h": 3_600_000, "min": 60_000, "s": 1000}


def duration_ms(text: str) -> int:
    """Milliseconds of "12h"."""
    found = re.fullmatch(r"([0-9]+) ?(h|min|s)", text)
    assert found, text
    return int(found[1]) * _UNIT_MS[found[2]]


def day_term(text: str) -> tuple[int, bool] | None:
    """Days and whether they are working days, of "2 working days"; None when it is a duration."""
    found = re.fullmatch(r"([0-9]+) (calendar|working) days", text)
    return None if found is None else (int(found[1]), found[2] == "working")


def local(true_ms: int) -> datetime:
    """Civil time at the customer's."""
    return datetime.fromtimestamp(true_ms / 1000, UTC).astimezone(ZONE)


class Civil:
    """Holidays as the calendar file lists them."""

    def __init__(self, calendar: str = "ch-ti") -> None:
        self._holidays = {str(day) for day in tomllib.loads((_CALENDARS / f"{calendar}.toml").read_text())["holidays"]}

    def holiday(self, day: date) -> bool:
        """A listed one."""
        return day.isoformat() in self._holidays

    def first_day(self, begun: date, days: int, *, working: bool, paused: frozenset[date] = frozenset()) -> date:
        """The first day after a term that began on `begun`: that day is not counted, the last one lasts to its end.

        Nor are days that an outage touched.
        """
        day = begun
        while days:
            day += timedelta(days=1)
            days -= day not in paused and (not working or (day.weekday() < 5 and not self.holiday(day)))
        return day + timedelta(days=1)

    def slot(self, policy: dict[str, Any], true_ms: int) -> bool:
        """Whether the policy lets anything get worse at this instant."""
        slots, at = policy["slots"], local(true_ms)
        begins, ends = (int(text[:2]) * 60 + int(text[3:]) for text in slots["hours"].split("-"))
        day, minute = at.date(), at.hour * 60 + at.minute
        if DAYS[day.weekday()] in slots["closed_weekdays"] or not begins <= minute < ends:
            return False
        if slots["closed_on_holidays"] and self.holiday(day):
            return False
        return not (slots["closed_on_eves"] and self.holiday(day + timedelta(days=1)))


class Policies:
    """The documents that were in force in a run, as the utility wrote them."""

    def __init__(self, witness: Witness) -> None:
        self._orders = witness.world.center.orders
        setting = witness.world.setting
        self.first: dict[str, Any] = tomllib.loads(policy_text(setting.terms, setting.post_paid, gas=setting.gas))
        self._known = {"sim@1": self.first}

    def get(self, reference: str) -> dict[str, Any] | None:
        """The document of "id@version": the file, or what the head-end signed."""
        if reference not in self._known:
            for order in self._orders.values():
                document = agreed(order).get("policy")
                if document is not None and f"{document['policy']}@{document['version']}" == reference:
                    self._known[reference] = document
        return self._known.get(reference)


@dataclass(slots=True)
class Rung:
    """Where an account stands, and since when, by its rows."""

    state: str = "NORMAL"
    running_ms: int = 0
    true_ms: int = 0
    notice_ms: int | None = None
    told_by_head: bool = False
    """Since a resync only the head-end knows how long this has lasted."""
    protections: Protections = field(default_factory=Protections)
    """Holds and outages as the head-end ordered them."""


class Ladder:
    """Follows the transitions of every account."""

    def __init__(self, witness: Witness) -> None:
        self.rungs: dict[str, Rung] = {}
        self._witness = witness
        self._central = witness.world.setting.post_paid
        self._policies = Policies(witness)
        self.civil = Civil(self._policies.first["calendar"])
        witness.follow(self)
        witness.after(self.stands)

    def begin(self) -> None:
        """See `Reader`."""
        self.rungs = {}

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        kind = row["type"]
        if kind == "transition":
            self._moved(row, true_ms)
        elif kind == "notice" and row["template"] in NOTICES:
            self.rungs[row["account_id"]].notice_ms = row["at"]["running_ms"]
        elif kind == "event" and row["what"] == "rollback.resynced":
            self.rungs[row["account_id"]].told_by_head = True
        elif kind == "entry" and row["kind"] == "opening":
            first = "NORMAL" if self._central is None else "REGULAR"
            self.rungs[row["account_id"]] = Rung(first, running_ms=row["at"]["running_ms"], true_ms=true_ms)
        elif kind == "receipt" and row["status"] == "applied":
            self._held(row, true_ms)

    def stands(self) -> None:
        """Each snapshot stands where its last transition led, and its balance belongs there: restoring never waits."""
        for account_id, account in self._witness.accounts.items():
            rung, supply = self.rungs.get(account_id, Rung()), account["supply"]
            if supply["state"] != rung.state:
                self._violated("I9", f"{account_id} is {supply['state']}, its rows lead to {rung.state}")

    def _held(self, row: Row, true_ms: int) -> None:
        rung, order = self.rungs.get(row["account_id"]), self._witness.order_of(row["command_id"])
        if rung is not None and order is not None:
            rung.protections.take(row["command"], order.body, true_ms)

    def _moved(self, row: Row, true_ms: int) -> None:
        rung = self.rungs.setdefault(row["account_id"], Rung())
        seq, balance_nano = row["seq"], nano_of(row["balance"])
        if row["rule"] == RESYNCED and rung.told_by_head:
            rung.state = row["target"]
            return
        edges = EDGES if self._central is None else CENTRAL_EDGES
        sources, target = edges.get(row["rule"], ((), ""))
        if row["source"] not in sources or row["target"] != target or row["source"] != rung.state:
            self._violated("I9", f"row {seq}: {row['source']} -> {row['target']} by {row['rule']}, from {rung.state}")
        policy = self._policies.get(row["policy"])
        if policy is None:
            self._violated("I14", f"row {seq}: nobody set the policy {row['policy']}")
        elif self._central is not None:
            if row["target"] in ("LIMITED", "SUSPENDED"):
                self._guarded(row, true_ms, rung, policy)
                self._share(row, policy)
        elif row["rule"] in ESCALATIONS:
            self._escalated(row, true_ms, rung, policy)
            self._share(row, policy)
        elif row["rule"] in ("restored", "restored_low"):
            if balance_nano + rung.protections.disputed_nano() < nano_of(policy["restore"]["min_balance"]):
                self._violated("I9", f"row {seq}: restored at {row['balance']}")
        elif row["rule"] == "credit_gone" and balance_nano >= 0 and self._vouched(row):
            self._violated("I9", f"row {seq}: credit gone at {row['balance']}")
        rung.state, rung.running_ms, rung.true_ms = row["target"], row["at"]["running_ms"], true_ms
        rung.told_by_head = False

    def _escalated(self, row: Row, true_ms: int, rung: Rung, policy: dict[str, Any]) -> None:
        """Something got worse for the customer: every condition and every guard, computed again."""
        seq, rule = row["seq"], row["rule"]
        disputed_nano = rung.protections.disputed_nano(true_ms, LATE_MS)
        balance_nano = nano_of(row["balance"]) + (0 if self._witness.head_lied else disputed_nano)
        if balance_nano >= 0 and self._vouched(row):
            self._violated("I8", f"row {seq}: {rule} at {row['balance']}")
        if rule != "unconfirmed_debt_cap" and not rung.told_by_head:
            self._waited(row, rung, policy)
        self._read(row, policy)
        clock_ms = true_ms if row["at"]["trust"] == "AUTHENTICATED" else utc_ms(row["at"]["utc"])
        held = rung.protections.bars(row["target"], true_ms, LATE_MS, clock_ms)
        if held and not self._witness.head_lied:
            self._violated("I8", f"row {seq}: {rule} although {held} is in force")
        if rule in BY_MONEY:
            owed_nano = BY_MONEY[rule] * nano_of(policy["guards"]["offline_debt_cap"])
            if balance_nano > -owed_nano and self._vouched(row):
                self._violated("I8", f"row {seq}: {rule} at {row['balance']}")
            return
        self._timely(row, true_ms, policy)
        part = policy["limit"] if rule == "limit_over" else policy["grace"]
        cap = part.get("debt_cap")
        if (cap is None or balance_nano > -nano_of(cap)) and not rung.told_by_head:
            self._term_over(row, true_ms, rung, part["term"])

    def _guarded(self, row: Row, true_ms: int, rung: Rung, policy: dict[str, Any]) -> None:
        """What every order must pass, whatever was claimed: the rung before, the meter, the time, the slot."""
        if not rung.told_by_head:
            self._dwelt(row, rung, policy)
        self._read(row, policy)
        self._timely(row, true_ms, policy)

    def _timely(self, row: Row, true_ms: int, policy: dict[str, Any]) -> None:
        """The time is proven, and it is one at which something may get worse."""
        if row["at"]["trust"] != "AUTHENTICATED":
            self._violated("I8", f"row {row['seq']}: {row['rule']} while the time is {row['at']['trust']}")
        if not self._witness.head_lied and not any(
            self.civil.slot(policy, true_ms + off_ms) for off_ms in (-LATE_MS, 0, LATE_MS)
        ):
            self._violated("I8", f"row {row['seq']}: {row['rule']} at {local(true_ms)}, outside the slots")

    def _read(self, row: Row, policy: dict[str, Any]) -> None:
        """The meter was read not long ago, and its register is believed (I8)."""
        account = self._witness.accounts.get(row["account_id"])
        if account is None:
            return
        register = account["register"]
        read, now_ms = register.get("at"), row["at"]["running_ms"]
        oldest_ms = now_ms - duration_ms(policy["guards"]["max_reading_age"])
        if read is None or read["running_ms"] < oldest_ms or register.get("candidate") or register.get("trouble"):
            self._violated("I8", f"row {row['seq']}: {row['rule']} at {now_ms}, the register was read at {read}")

    def _share(self, row: Row, policy: dict[str, Any]) -> None:
        """The limit is the policy's share of the available power, rounded up to whole watts (threat 18)."""
        account = self._witness.accounts.get(row["account_id"])
        if row["target"] != "LIMITED" or account is None:
            return
        if self._witness.world.setting.gas:
            self._violated("I9", f"row {row['seq']}: gas is limited, there is no such rung (S1-10)")
        power_w = account["contract_power_w"]
        available_w = power_w + power_w // 10 if power_w <= 30_000 else power_w
        due_w = -(-available_w * policy["limit"]["percent"] // 100)
        if row["limit_w"] != due_w:
            self._violated("I8", f"row {row['seq']}: limited to {row['limit_w']} W, {due_w} W are due")

    def _waited(self, row: Row, rung: Rung, policy: dict[str, Any]) -> None:
        """A notice comes first and is old enough; one rung at a time."""
        seq, running_ms, rule = row["seq"], row["at"]["running_ms"], row["rule"]
        notice_ms = duration_ms(policy["grace"]["min_after_notice"])
        if rung.notice_ms is None or running_ms - rung.notice_ms < notice_ms:
            self._violated("I9", f"row {seq}: {rule}, the notice was given at {rung.notice_ms}, now {running_ms}")
        self._dwelt(row, rung, policy)

    def _dwelt(self, row: Row, rung: Rung, policy: dict[str, Any]) -> None:
        """One rung at a time, each for its least time."""
        passed_ms = row["at"]["running_ms"] - rung.running_ms
        if passed_ms < duration_ms(policy["guards"]["min_dwell"]):
            self._violated("I12", f"row {row['seq']}: {row['rule']} after {passed_ms} ms in {rung.state}")

    def _vouched(self, row: Row) -> bool:
        """Else what was used and is not charged yet counts as spent, so the balance of the row is not all there is."""
        return vouched(self._witness.accounts.get(row["account_id"]))

    def _term_over(self, row: Row, true_ms: int, rung: Rung, term: str) -> None:
        days = day_term(term)
        if days is None:
            passed_ms = row["at"]["running_ms"] - rung.running_ms
            paused_ms = 0 if self._witness.head_lied else rung.protections.paused_ms(rung.true_ms, true_ms)
            if passed_ms < duration_ms(term):
                self._violated("I9", f"row {row['seq']}: {row['rule']} before its {term} were over")
            elif true_ms - rung.true_ms + LATE_MS < duration_ms(term) + paused_ms:
                told = f"{paused_ms // 1000} s of outage do not count in its {term}"
                self._violated("I9", f"row {row['seq']}: {row['rule']} although {told} (S4-06)")
            return
        paused = rung.protections.paused_days(rung.true_ms, true_ms, ZONE)
        first = self.civil.first_day(local(rung.true_ms).date(), days[0], working=days[1], paused=paused)
        if local(true_ms + LATE_MS).date() < first and not self._witness.head_lied:
            self._violated("I9", f"row {row['seq']}: {row['rule']} at {local(true_ms)}, not before {first}")

    def _violated(self, invariant: str, what: str) -> None:
        self._witness.world.violated(invariant, what)


class Standing:
    """A balance that is enough is never left waiting, one that is not is never left unnoticed (I9, I10)."""

    def __init__(self, witness: Witness, ladder: Ladder) -> None:
        self._witness = witness
        self._ladder = ladder
        witness.after(self.look)

    def look(self) -> None:
        """The rung and the balance of each snapshot belong together."""
        for account_id, account in self._witness.accounts.items():
            if not vouched(account):
                continue
            state = account["supply"]["state"]
            credit_nano, charge_nano = lifetime(account)
            balance_nano = credit_nano - charge_nano
            minimum_nano = account["policy"]["restore_min_nano"]
            holds = [hold["hold_id"] for hold in account["holds"] if _protects(hold)]
            netting = [hold for hold in account["holds"] if hold["kind"] == "dispute"]
            least_nano = balance_nano + sum(hold.get("amount_nano", 0) for hold in netting if not hold["until_utc_ms"])
            most_nano = balance_nano + sum(hold.get("amount_nano", 0) for hold in netting)
            if state in ("LIMITED", "SUSPENDED") and holds:
                self._witness.world.violated("I10", f"{account_id} is {state} although {holds} protect it")
            if account["policy"].get("delinquency") is not None:
                continue  # post-paid: what is owed are claims, not the balance; `claims.py` holds them against the rung
            if state in ("LIMITED", "SUSPENDED") and least_nano >= max(0, minimum_nano):
                self._witness.world.violated("I10", f"{account_id} is {state} with {balance_nano} nano on the account")
            if state in ("NORMAL", "LOW_CREDIT") and most_nano < 0:
                self._witness.world.violated("I9", f"{account_id} is {state} with {balance_nano} nano on the account")


def _protects(hold: dict[str, Any]) -> bool:
    """Whoever is protected for good has full supply, whatever is owed (2.5); others may be past their end."""
    return hold["kind"] in PROTECTIVE and hold["until_utc_ms"] is None


def attach(witness: Witness) -> None:
    """Follow the ladder."""
    Standing(witness, Ladder(witness))
