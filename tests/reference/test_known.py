"""Where rows leave an account: what a resync tells a gateway must be charged once, neither twice nor never."""

from typing import Any

import pytest

from gateway.reference.known import Known, learn

AT = {"utc": "2027-09-30T03:59:35.172Z", "trust": "AUTHENTICATED", "running_ms": 1000}


def entry(begins: int, ends: int, reference: str = "") -> dict[str, Any]:
    """Energy charged between two readings of the register."""
    registers = {"from_register_wh": begins, "to_register_wh": ends, "reference": reference}
    money = {"currency": "CHF", "balance": "19.92", "lines": []}
    return {"type": "entry", "kind": "charge", "account_id": "A1", "at": AT, **registers, **money}


def event(what: str, case: int, begins: int, ends: int) -> dict[str, Any]:
    """The register went on elsewhere."""
    detail = {"case_id": case, "from_wh": begins, "to_wh": ends, "segment": 1}
    return {"type": "event", "what": f"register.{what}", "account_id": "A1", "at": AT, "detail": detail}


@pytest.mark.parametrize(
    ("rows", "register_wh"),
    [
        ([entry(100, 200), entry(200, 250, "case:1"), event("unobserved", 1, 200, 250)], 250),
        ([entry(100, 200), event("unobserved", 1, 200, 250)], 200),
        ([entry(100, 200), event("unobserved", 1, 200, 250), entry(250, 300), entry(200, 250, "case:1")], 300),
        ([entry(100, 200), event("unobserved", 2, 200, 400), entry(250, 300), entry(200, 400, "case:2")], 400),
        ([entry(100, 900), event("unobserved", 1, 900, 10), entry(900, 10, "case:1")], 10),
        (
            [entry(1, 90), event("unobserved", 1, 90, 95), event("discontinuity", 2, 95, 5), entry(90, 95, "case:1")],
            5,
        ),
    ],
    ids=["charged_at_once", "not_yet", "charged_later", "two_absences_as_one", "over_the_wrap", "reset_meanwhile"],
)
def test_what_an_absence_used_is_charged_once(rows: list[dict[str, Any]], register_wh: int) -> None:
    """I6, threat 3: the register of a resync lies behind everything that the balance beside it has paid for."""
    accounts: dict[str, Known] = {}
    for row in rows:
        learn(accounts, row)
    assert accounts["A1"].register_wh == register_wh
