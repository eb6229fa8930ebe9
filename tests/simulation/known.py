"""Where a list of rows leaves an account: what the head-end tells a gateway that has lost them (docs/mqtt.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DATED = ("SYNCHRONISED", "AUTHENTICATED")
NOTICES = ("low", "grace", "limited", "suspended")
UNNUMBERED = ("opening", "top_up", "top_up_reversal", "charge", "resync", "bonus")
"""Kinds of entry that have no number of a posting."""


def position(  # noqa: C901, PLR0912 - an arm for each kind of row
    rows: list[dict[str, Any]],
    account_id: str,
    signed: dict[str, Any],
    carried: dict[str, Any],
    dated: dict[str, str | None],
) -> dict[str, Any] | None:
    """The body of a resync; `signed` is what the head-end keeps of its own: lock-out and holds. None: never seen.

    `carried` is the one before it: what a branch given up has posted is in the balance, and in none of these rows.
    `dated` is of each resync when the register was read that it told: the time of its row is another.
    """
    found: dict[str, Any] = {}
    posted = _Posted.of(carried)
    since_ms, notice_ms, unobserved, discontinuous = 0, None, 0, 0
    for row in rows:
        if row.get("account_id") != account_id:
            continue
        at, kind = row["at"], row["type"]
        if kind == "entry":
            found["balance"] = row["balance"]
            posted.take(row)
            if row["kind"] == "opening":
                found["state"], since_ms = "NORMAL", at["running_ms"]
            if row.get("to_register_wh") is not None and _goes_on(found, row, discontinuous):
                _register(found, row, row["to_register_wh"])
            if row["kind"] == "resync":
                found["at"] = dated.get(row["reference"])
        elif kind == "transition":
            found["state"], since_ms = row["target"], at["running_ms"]
            found["dated_at"] = at["utc"] if at["trust"] == "AUTHENTICATED" else None
            if row["rule"] == "resynced":
                since_ms -= row["detail"]["in_state_ms"]
            elif row["rule"] != "protected":
                notice_ms = None
        elif kind == "notice" and row["template"] in NOTICES:
            notice_ms = at["running_ms"]
        elif kind == "event" and row["what"] == "rollback.resynced":
            for name in ("top_up_sequence", "top_up_total", "reversal_sequence", "reversal_total"):
                found[name] = row["detail"][name]
            since_ms = at["running_ms"] - row["detail"]["in_state_ms"]
        elif kind == "event" and row["what"] == "meter.replaced":
            if found.get("register_wh") == row["detail"]["old_end_wh"]:
                _register(found, row, row["detail"]["new_start_wh"])
        elif kind == "event" and row["what"] == "register.unobserved":
            unobserved = row["detail"]["case_id"]
        elif kind == "event" and row["what"] == "register.discontinuity":
            detail = row["detail"]
            if detail["case_id"] != unobserved:
                discontinuous = max(discontinuous, detail["case_id"])
            if detail["case_id"] != unobserved or found.get("register_wh") == detail["from_wh"]:
                _register(found, row, detail["to_wh"])
        elif kind == "receipt" and row["status"] == "applied" and row["command"] in ("top_up", "top_up_reverse"):
            name = "top_up" if row["command"] == "top_up" else "reversal"
            found[f"{name}_sequence"], found[f"{name}_total"] = row["detail"]["sequence"], row["detail"]["total"]
    if "state" not in found:
        return None
    last_ms = rows[-1]["at"]["running_ms"]
    found |= posted.said()
    found["in_state_ms"] = max(0, last_ms - since_ms)
    if notice_ms is not None:
        found["notice_age_ms"] = max(0, last_ms - notice_ms)
    found["lockout"] = _locked_out(rows, account_id)
    own = {name: value for name, value in signed.items() if value is not None}
    return {name: value for name, value in (found | own).items() if value is not None}


def _locked_out(rows: list[dict[str, Any]], account_id: str) -> str | None:
    """Why the supply is locked out, as the receipts say: what somebody set on site was signed by nobody here."""
    for row in reversed(rows):
        if row["type"] == "receipt" and row["status"] == "applied" and row.get("account_id") == account_id:
            if row["command"] == "lockout_set":
                return str(row["detail"]["lockout"])
            if row["command"] == "lockout_release":
                return None
    return None


@dataclass(slots=True)
class _Posted:
    """Numbers of postings, and the last day of each bonus."""

    numbers: set[int]
    through: dict[str, str]

    @classmethod
    def of(cls, known: dict[str, Any]) -> _Posted:
        numbers = set(range(1, known.get("posting_sequence", 0) + 1)) - set(known.get("posting_missing", ()))
        return cls(numbers, {bonus["reference"]: bonus["through"] for bonus in known.get("bonuses", ())})

    def take(self, row: dict[str, Any]) -> None:
        if row["kind"] == "bonus":
            name = row["detail"]["reference"]
            self.through[name] = max(self.through.get(name, ""), row["detail"]["to"])
        elif row["kind"] not in UNNUMBERED:
            self.numbers.add(row["detail"]["sequence"])

    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.numbers:
            found["posting_sequence"] = max(self.numbers)
            found["posting_missing"] = sorted(set(range(1, max(self.numbers))) - self.numbers)
        if self.through:
            found["bonuses"] = [{"reference": name, "through": day} for name, day in sorted(self.through.items())]
        return found


def _goes_on(found: dict[str, Any], row: dict[str, Any], discontinuous: int) -> bool:
    """Energy of an absence is charged late, sometimes when charging has long gone on elsewhere."""
    if not row["reference"].startswith("case:") or "register_wh" not in found:
        return True
    at_wh = found["register_wh"]
    after = row["from_register_wh"] == at_wh or row["to_register_wh"] > at_wh
    return bool(after and int(row["reference"].removeprefix("case:")) > discontinuous)


def _register(found: dict[str, Any], row: dict[str, Any], register_wh: int) -> None:
    found["register_wh"] = register_wh
    found["at"] = row["at"]["utc"] if row["at"]["trust"] in DATED else None
