"""Post-paid: nothing gets worse but on a signed order, for a claim whose terms are over (requirements 2.8, 7 to 12).

The claims are kept again from the signed notices and payments alone, and the terms computed from the policy *document*,
the calendar *file* and the true calendar. A date is held against the gateway by `LATE_MS` on either side of midnight.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from tests.simulation.invariants.ladder import LATE_MS, RESYNCED, ZONE, Civil, Policies, day_term, local
from tests.simulation.invariants.witness import Row, Witness, vouched
from tests.simulation.protections import Protections
from tests.simulation.till import nano_of
from tests.simulation.world import HOUR_S

ASKS = {"supply_limit": "LIMITED", "supply_suspend": "SUSPENDED"}
COMMANDS = frozenset({*ASKS, "arrears_notice", "arrears_paid", "reconnect"})
TERMINATE_DAYS = 20
"""Never less from the suspension to the end of the contract (S1-14)."""
OVERDUE_S = 2 * HOUR_S
"""An order that was kept is carried out, or on record as refused, so soon after its slot began."""
DAY_MS = 86_400_000
LETTERS = {
    "registered_letter": ("sent_on", "registered_letter_days"),
    "certified_mail": ("notified_on", "certified_mail_days"),
    "unproven": ("issued_on", "unproven_days"),
}
NAMED = ("due_on", "issued_on", "sent_on", "notified_on", "final_term_on", "proof")


@dataclass(slots=True)
class Held:
    """A hold the head-end set; it ends at `ends_ms` of true time at the earliest."""

    kind: str
    ends_ms: int | None
    amount_nano: int
    rungs: tuple[str, ...]


@dataclass(slots=True)
class Case:
    """What one account owes, by the signed commands that were applied."""

    policy: dict[str, Any]
    state: str = "REGULAR"
    since_ms: int = 0
    """True time at which this rung was reached."""
    told_by_head: bool = False
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)
    unpaid_nano: dict[str, int] = field(default_factory=dict)
    holds: dict[str, Held] = field(default_factory=dict)
    asked: str = ""
    """The order that was accepted at this instant."""
    kept: str = ""
    """The order that waits for its slot."""
    protections: Protections = field(default_factory=Protections)
    """Outages, whose days no term of a rung counts (S4-06)."""
    replaced: str = ""
    """The order that waited until another one was accepted: the same transaction must say that it is dropped."""
    ends: str = ""
    """The command that ends the contract for arrears."""


class Claims:
    """Follows the claims of every account of a post-paid run."""

    def __init__(self, witness: Witness) -> None:
        self.cases: dict[str, Case] = {}
        self._witness = witness
        self._kind = witness.world.setting.post_paid
        self._commodity = "gas" if witness.world.setting.gas else "electricity"
        self._policies = Policies(witness)
        self._civil = Civil(self._policies.first["calendar"])
        if self._kind is None:
            return
        witness.follow(self)
        witness.after(self.stands)
        witness.world.on.hourly.append(self.overdue)

    def begin(self) -> None:
        """See `Reader`."""
        self.cases = {}

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        kind = row["type"]
        if kind == "entry" and row["kind"] == "opening":
            self.cases[row["account_id"]] = Case(self._policies.first, since_ms=true_ms)
        case = self.cases.setdefault(row.get("account_id") or "", Case(self._policies.first))
        if kind == "receipt":
            self._answered(case, row, true_ms)
        elif kind == "transition":
            self._moved(case, row, true_ms)
        elif kind == "event" and row["what"] == "rollback.resynced":
            case.told_by_head, case.kept = True, ""
        elif kind == "event" and row["what"] == "supply.order_refused":
            dropped = row["detail"]["command_id"]
            if dropped not in (case.kept, case.replaced) or not row["detail"]["reason"]:
                self._violated("I24", f"row {row['seq']}: an order was dropped, {case.kept} was kept")
            case.kept, case.replaced = "" if dropped == case.kept else case.kept, ""

    # -- what was signed

    def _answered(self, case: Case, row: Row, true_ms: int) -> None:
        command, status = row["command"], row["status"]
        if status == "refused":
            if command in COMMANDS and not row["reason"]:
                self._violated("I24", f"row {row['seq']}: {command} was refused and nobody says why")
            return
        order = self._witness.order_of(row["command_id"])
        if status != "applied" or order is None:
            return  # `authority.py` asks whose word it was
        body = order.body
        case.protections.take(command, body, true_ms)
        if command == "arrears_notice":
            self._noticed(case, row, body, true_ms)
        elif command == "policy_set":
            case.policy = body["policy"]
        elif command == "arrears_paid":
            self._paid(case, row, body)
        elif command == "hold_set":
            case.holds[body["hold_id"]] = self._held(case, body, true_ms)
        elif command == "hold_release":
            case.holds.pop(body["hold_id"], None)
        elif command == "account_resync" and (known := body.get("position")) is not None:
            case.unpaid_nano = {one["arrears_id"]: nano_of(one["amount"]) for one in known["arrears"]}
            case.notices |= {one["arrears_id"]: one for one in known["arrears"]}
        elif command == "account_close" and body.get("cause") == "delinquency":
            case.ends = row["command_id"]
        elif command in ASKS:
            case.replaced, case.kept = case.kept, row["command_id"] if row["reason"] == "queued" else ""
            case.asked = "" if case.kept else row["command_id"]

    def _noticed(self, case: Case, row: Row, body: dict[str, Any], true_ms: int) -> None:
        """A notice that was accepted left the time to pay that the policy asks for, and came after the due date."""
        policy = case.policy["delinquency"]["notice"]
        begins, days = LETTERS[body["proof"]]
        told, final = body.get(begins), date.fromisoformat(body["final_term_on"])
        if told is None or final < date.fromisoformat(told) + timedelta(days=policy[days]):
            self._violated("I8", f"row {row['seq']}: the final term {final} is too short")
        if date.fromisoformat(body["issued_on"]) <= _after(body["due_on"], policy["after_due_days"]):
            self._violated("I8", f"row {row['seq']}: noticed on {body['issued_on']}, due was {body['due_on']}")
        if body["issued_on"] > local(true_ms + LATE_MS).date().isoformat() and not self._witness.head_lied:
            self._violated("I8", f"row {row['seq']}: a notice of {body['issued_on']}, which is still to come")
        if body["commodity"] != self._commodity or body["currency"] != row.get("currency", "CHF"):
            self._violated("I8", f"row {row['seq']}: a debt of {body['commodity']} in {body['currency']} (2.8, 8)")
        case.notices[body["arrears_id"]] = body
        case.unpaid_nano[body["arrears_id"]] = nano_of(body["amount"])

    def _paid(self, case: Case, row: Row, body: dict[str, Any]) -> None:
        known_nano = case.unpaid_nano.pop(body["arrears_id"], 0)
        left_nano = min(known_nano, nano_of(body.get("left", "0.00")))
        came_nano = nano_of(body["amount"]) if "amount" in body else known_nano
        excess_nano = 0 if left_nano else max(0, came_nano - known_nano)
        said = row.get("detail", {})
        if excess_nano != nano_of(said.get("excess", "0.0")) or left_nano == known_nano:
            self._violated("I8", f"row {row['seq']}: {known_nano} nano were owed, it says {said}")
        if left_nano > 0:
            case.unpaid_nano[body["arrears_id"]] = left_nano

    def _held(self, case: Case, body: dict[str, Any], true_ms: int) -> Held:
        """A proof of payment lasts for the policy's working days unless its end is said."""
        until, ends_ms = body.get("until"), None
        if until is not None:
            ends_ms = round(datetime.fromisoformat(until).timestamp() * 1000)
        elif body["kind"] == "payment_proof":
            days = case.policy["guards"]["payment_proof_working_days"]
            last = self._civil.first_day(local(true_ms - LATE_MS).date(), days, working=True)
            ends_ms = round(datetime.combine(last, datetime.min.time(), local(true_ms).tzinfo).timestamp() * 1000)
        return Held(body["kind"], ends_ms, nano_of(body.get("amount", "0.00")), tuple(body.get("rungs", ())))

    # -- what was done

    def _moved(self, case: Case, row: Row, true_ms: int) -> None:
        jti = case.asked or case.kept
        worse = row["target"] in ("LIMITED", "SUSPENDED") and row["rule"] != RESYNCED
        if worse:
            self._carried_out(case, row, jti, true_ms)
        elif row["target"] == "TERMINATED" and case.ends:
            self._ended(case, row, true_ms)
        if worse:
            case.kept = case.kept if case.asked and case.asked != case.kept else ""
        case.asked = case.ends = ""
        case.state, case.since_ms = row["target"], true_ms
        case.told_by_head = case.told_by_head and row["rule"] == RESYNCED

    def _carried_out(self, case: Case, row: Row, jti: str, true_ms: int) -> None:
        """An order for just this rung was signed, and every term of its claim is over (2.8, 11 and 12)."""
        where, order = f"row {row['seq']}: {row['rule']}", self._witness.order_of(jti) if jti else None
        if order is None or ASKS[order.typ] != row["target"] or order.body["account_id"] != row["account_id"]:
            self._violated("I14", f"{where}, and nobody has ordered it (2.8, 12)")
            return
        notice = case.notices.get(order.body["arrears_id"])
        if notice is None or order.body["arrears_id"] not in case.unpaid_nano:
            self._violated("I8", f"{where} for {order.body['arrears_id']}, which is not owed")
            return
        policy = case.policy
        if policy["delinquency"]["hearing_required"] and not order.body.get("affected_parties_heard"):
            self._violated("I8", f"{where}, and nobody was heard")
        limited = self._limited_first(row["account_id"], policy)
        if row["rule"] != ("ordered_limit" if limited else "ordered_suspend_direct") and case.state == "NOTICED":
            self._violated("I9", f"{where}, limited first: {limited}")
        self._terms(case, row, notice, policy, true_ms)
        self._free(case, row, true_ms)
        net_nano = case.unpaid_nano[notice["arrears_id"]] - self._disputed_nano(case, true_ms)
        if net_nano <= nano_of(policy["delinquency"]["debt_floor"]) and not self._witness.head_lied:
            self._violated("I8", f"{where} for {net_nano} nano that are not disputed (2.8, 7)")
        self._evidence(row, order, notice)

    def _terms(self, case: Case, row: Row, notice: dict[str, Any], policy: dict[str, Any], true_ms: int) -> None:
        """Not before the last of all terms, the day of each event not counted."""
        rules, today = policy["delinquency"], local(true_ms + LATE_MS).date()
        limited = self._limited_first(row["account_id"], policy)
        final = date.fromisoformat(notice["final_term_on"])
        legal = {"the final term": self._civil.first_day(final, rules["request"]["working_days"], working=True)}
        of_whom = "notified_gas_days" if self._commodity == "gas" else "notified_other_days"
        if days := rules["request"]["notified_limited_days" if limited else of_whom]:
            legal["the notification"] = _after(notice["notified_on"], days + 1)
        if days := rules["suspend"]["after_days"]:
            anchor = notice["due_on"] if rules["suspend"]["anchor"] == "due" else notice["notified_on"]
            legal[f"the {rules['suspend']['anchor']}"] = _after(anchor, days + 1)
        if row["source"] == "LIMITED" and not case.told_by_head:
            term = day_term(policy["limit"]["term"])
            assert term is not None
            limited_on = local(case.since_ms - LATE_MS).date()
            paused = case.protections.paused_days(case.since_ms, true_ms, ZONE)
            legal["the limit"] = self._civil.first_day(limited_on, term[0], working=term[1], paused=paused)
        for event, first in legal.items():
            if today < first and not self._witness.head_lied:
                self._violated("I9", f"row {row['seq']}: {row['rule']} on {today}, after {event} not before {first}")

    def _free(self, case: Case, row: Row, true_ms: int) -> None:
        """No hold in force keeps from this rung."""
        for hold_id, held in case.holds.items():
            nets = held.kind == "dispute" and held.amount_nano
            if nets or (held.rungs and row["target"] not in held.rungs):
                continue
            if _stands(held, true_ms) and not self._witness.head_lied:
                self._violated("I8", f"row {row['seq']}: {row['target']} although {hold_id} is in force")

    def _ended(self, case: Case, row: Row, true_ms: int) -> None:
        """Nobody's contract ends for arrears before twenty days off, or more if the letters say so (S1-14)."""
        days = max(TERMINATE_DAYS, case.policy["delinquency"]["terminate"]["after_suspension_days"])
        letters = [case.notices[one].get("letter_days", 0) for one in case.unpaid_nano if one in case.notices]
        paused = case.protections.paused_days(case.since_ms, true_ms, ZONE)
        suspended_on = local(case.since_ms - LATE_MS).date()
        first = self._civil.first_day(suspended_on, max([days, *letters]), working=False, paused=paused)
        if case.state != "SUSPENDED" or not case.unpaid_nano:
            self._violated("I9", f"row {row['seq']}: the contract ends for arrears, the supply was {case.state}")
        elif local(true_ms + LATE_MS).date() < first and not (self._witness.head_lied or case.told_by_head):
            self._violated("I9", f"row {row['seq']}: the contract ends at {local(true_ms)}, not before {first}")
        self._free(case, row, true_ms)

    def _evidence(self, row: Row, order: Any, notice: dict[str, Any]) -> None:
        """Whoever reads the row alone finds the order, the notice with its dates, the reading, the terms (2.8, 11)."""
        detail = row["detail"]
        wanted = {name: notice[name] for name in NAMED if notice.get(name) is not None}
        wanted |= {"arrears": notice["arrears_id"], "command_id": order.jti, "legal_ref": order.body["legal_ref"]}
        missing = sorted(name for name, value in wanted.items() if detail.get(name) != value)
        missing += sorted({"reading_age_ms", "legal_from", "term", "net"} - set(detail))
        if missing or row.get("register_wh") is None or not row.get("policy"):
            self._violated("I24", f"row {row['seq']}: {row['rule']} does not say {missing}")

    # -- what stands

    def stands(self) -> None:
        """Each snapshot owes what was signed, and full supply never waits once nothing undisputed is left (I10)."""
        now_ms = self._witness.world.machine.true_utc_ms()
        for account_id, account in self._witness.accounts.items():
            case = self.cases.get(account_id, Case(self._policies.first))
            held_nano = {one["arrears_id"]: one["amount_nano"] for one in account.get("arrears", ())}
            if held_nano != case.unpaid_nano:
                self._violated("I14", f"{account_id} owes {held_nano}, signed is {case.unpaid_nano}")
            kept = account.get("ordered")
            kept = kept["command_id"] if kept is not None and kept.get("slot_utc_ms") is not None else ""
            if case.replaced:
                self._violated("I24", f"{account_id}: the order {case.replaced} was kept, and is gone without a word")
                case.replaced = ""
            if kept != case.kept:
                self._violated("I24", f"{account_id} keeps the order {kept}, its rows say {case.kept}")
            self._rung(account_id, account, case, now_ms)

    def _rung(self, account_id: str, account: dict[str, Any], case: Case, now_ms: int) -> None:
        state, owed_nano = account["supply"]["state"], sum(case.unpaid_nano.values())
        if state in ("NOTICED", "LIMITED", "SUSPENDED") and owed_nano - self._disputed_nano(case, now_ms) <= 0:
            self._violated("I10", f"{account_id} is {state}, and nothing is owed but what is disputed")
        disputed_nano = sum(hold.get("amount_nano", 0) for hold in account["holds"] if hold["kind"] == "dispute")
        if state == "REGULAR" and owed_nano > disputed_nano:
            self._violated("I9", f"{account_id} is {state} and owes {owed_nano} nano")

    def overdue(self) -> None:
        """A kept order does not wait for ever: carried out in its slot, or refused on record (I24)."""
        world = self._witness.world
        now_s, now_ms = world.loop.time(), world.machine.true_utc_ms()
        if not world.process.running or now_s - world.disturbed_s < 2 * OVERDUE_S or self._witness.head_lied:
            return
        for account_id, account in self._witness.accounts.items():
            slot_ms = (account.get("ordered") or {}).get("slot_utc_ms")
            if slot_ms is not None and vouched(account) and now_ms - slot_ms > OVERDUE_S * 1000:
                self._violated("I24", f"{account_id}: an order for {local(slot_ms)} is still kept at {local(now_ms)}")

    def _disputed_nano(self, case: Case, true_ms: int) -> int:
        return sum(held.amount_nano for held in case.holds.values() if _stands(held, true_ms))

    def _limited_first(self, account_id: str, policy: dict[str, Any]) -> bool:
        """Electricity at low voltage, where the policy and the meter can (S1-11)."""
        assert self._kind is not None
        account = self._witness.accounts.get(account_id)
        voltage = self._kind.voltage if account is None else account.get("voltage", "LV")
        electricity = self._commodity == "electricity"
        return bool(electricity and policy["limit"]["enabled"] and self._kind.limiter and voltage == "LV")

    def _violated(self, invariant: str, what: str) -> None:
        self._witness.world.violated(invariant, what)


def _after(day: str, days: int) -> date:
    return date.fromisoformat(day) + timedelta(days=days)


def _stands(held: Held, true_ms: int) -> bool:
    return held.ends_ms is None or true_ms + LATE_MS < held.ends_ms


def attach(witness: Witness) -> None:
    """Follow the claims."""
    Claims(witness)
