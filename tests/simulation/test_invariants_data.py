"""The invariants of data have teeth: export, cases, closings, gas, documents, days of an outage in an ordered term."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.dealing import NANO, Dealing, text_of
from tests.simulation.handwritten import Site
from tests.simulation.incidents import load
from tests.simulation.invariants.production import Production
from tests.simulation.signer import Order

Break = Callable[[Dealing], None]


def _differs(site: Dealing, case_id: int = 1) -> None:
    """The register leapt by 500 Wh, and that is open."""
    load()
    site.world.played.add("case_settled")
    detail = {"case_id": case_id, "from_wh": 1000, "to_wh": 1500, "segment": 2}
    site.row("event", what="register.discontinuity", detail=detail)
    held = {"case_id": case_id, "kind": "discontinuity", "wh": 500}
    site.snapshot["register"] |= {"wh": 1500, "cases": [held]}


def _settles(site: Dealing, *, number: int = 1, said: int | None = 1, signed: int | None = 1) -> None:
    body: dict[str, Any] = {} if signed is None else {"case_id": signed}
    order = site.signed(
        "posting",
        kind="adjustment",
        amount=text_of(-NANO),
        sequence=number,
        reference=f"p{number}",
        currency="CHF",
        **body,
    )
    detail = {"sequence": number, "reference": f"p{number}"} | ({} if said is None else {"case_id": said})
    site.entry("adjustment", -NANO, order.jti, **detail)
    site.snapshot["postings"]["numbers"]["highest"] = number


def test_a_case_that_is_settled_once_is_sound() -> None:
    """I5, I14: open since the register leapt, gone with the posting that names it."""
    site = Dealing()
    _differs(site)
    site.commit()
    _settles(site)
    site.snapshot["register"]["cases"] = []
    site.commit()
    assert site.violations == []


def _gone(site: Dealing) -> None:
    _differs(site)
    site.snapshot["register"]["cases"] = []


def _stays(site: Dealing) -> None:
    _differs(site)
    _settles(site)


def _twice(site: Dealing) -> None:
    _differs(site)
    _settles(site)
    site.snapshot["register"]["cases"] = []
    site.commit()
    _settles(site, number=2)


def _another(site: Dealing) -> None:
    _differs(site)
    _settles(site, signed=2)
    site.snapshot["register"]["cases"] = []


def _unknown(site: Dealing) -> None:
    _settles(site, said=7, signed=7)


def _closing_of_nobody(site: Dealing) -> None:
    site.certified("closing-2026-03-01", 1000, "billing", reference="schedule", asked="2026-02-28T23:00:00Z")


def _closing_too_early(site: Dealing) -> None:
    site.signed("schedule_set", services=[])
    site.certified("closing-2026-03-01", 1000, "billing", reference="schedule", asked="2026-02-28T23:00:00Z")


def _closing_in_another_zone(site: Dealing) -> None:
    site.signed("schedule_set", services=[])
    site.certified("closing-2026-02-01", 1000, "billing", reference="schedule", asked="2026-02-01T00:00:00Z")


def test_a_copy_of_the_schedule_that_was_refused_takes_nothing_back() -> None:
    """I14: it was signed and applied; somebody published it again with *retain*, which is refused."""
    site = Dealing()
    site.signed("schedule_set", services=[]).verdicts.append({"status": "refused", "reason": "retained"})
    site.certified("closing-2026-02-01", 1000, "billing", reference="schedule", asked="2026-01-31T23:00:00Z")
    site.commit()
    assert site.violations == []


@pytest.mark.parametrize(
    ("broken", "invariant"),
    [
        (_gone, "I5"),
        (_stays, "I5"),
        (_twice, "I14"),
        (_another, "I14"),
        (_unknown, "I14"),
        (_closing_of_nobody, "I14"),
        (_closing_too_early, "I16"),
        (_closing_in_another_zone, "I14"),
    ],
)
def test_each_broken_promise_of_data_is_noticed(broken: Break, invariant: str) -> None:
    """A case that vanishes, stays or is settled twice; a period closed for nobody, early, in another zone."""
    site = Dealing()
    broken(site)
    site.commit()
    assert invariant in site.violations


GAS = {
    "tariff": "gas", "version": 1, "gas": {"coefficient": "1.027235"}, "block": [{"price_per_smc": {"all": "0.3247"}}],
}  # fmt: skip


def _burnt(nano: int, litres: int = 10) -> list[str]:
    """So many litres were charged at so much; what broke."""
    site = Dealing()
    site.orders["t"] = Order("t", "tariff_set", {"account_id": "A1", "tariff": GAS}, b"")
    line = {"component": "energy", "band": "all", "wh": litres, "amount": text_of(nano), "tariff_ref": "gas@1"}
    registers = {"from_register_wh": 1000, "to_register_wh": 1000 + litres}
    amounts = {"amount": text_of(-nano), "balance": text_of(3 * NANO - nano)}
    site.row("entry", kind="charge", reference="", lines=[line], **amounts, **registers)
    site.snapshot["usage"]["net_nano"] = site.snapshot["settled_charge_nano"] = nano
    site.delivered_wh = litres
    site.commit()
    return [one for one in site.violations if one == "I2"]


def test_litres_times_c_cost_what_they_cost() -> None:
    """I2: 10 l at C 1.027235 and 0.3247 a Smc; more, less, C twice or C never is wrong."""
    exact_nano = 10 * 324_700 * 1_027_235 // 1_000_000
    assert _burnt(exact_nano) == []
    for wrong in (exact_nano + 1, exact_nano - 1, 10 * 324_700, exact_nano * 1_027_235 // 1_000_000):
        assert "I2" in _burnt(wrong)


def _produced(*, register_wh: int, stored_wh: int, open_wh: int = 0, shown_wh: int | None = None) -> list[str]:
    """An account whose export register went from 100 to `register_wh`; what broke in the end."""
    site = Site()
    site.opened()
    curve = site.snapshot["intervals"]
    curve |= {"export_wh": 100, "open_export_wh": 0}
    site.commit()
    body = {"account_id": "A1", "number": 1, "import_wh": 0, "export_wh": stored_wh}
    site.raw.execute("INSERT INTO interval VALUES (1, 'A1', ?)", (json.dumps(body),))
    curve |= {"export_wh": register_wh, "open_export_wh": open_wh}
    site.commit()
    site.world.meter.supply.export_wh = register_wh if shown_wh is None else shown_wh  # type: ignore[misc]
    settled = [call for call in site.on.settled if isinstance(getattr(call, "__self__", None), Production)]
    for call in settled:
        call()
    return site.violations


def test_every_wh_that_went_out_is_in_its_channel() -> None:
    """S4-16, I6: stored and open quarter-hours are the export register, and that is the meter's."""
    assert _produced(register_wh=350, stored_wh=200, open_wh=50) == []
    assert _produced(register_wh=350, stored_wh=200) == ["I6"]
    assert _produced(register_wh=350, stored_wh=260) == ["I6"]
    assert _produced(register_wh=350, stored_wh=250, shown_wh=900) == ["I6"]
    assert _produced(register_wh=40_100, stored_wh=40_000) == ["I6"]


def _asked(site: Dealing, *, on_record: bool = True) -> str:
    order = site.signed("document", kind="statement", from_day="2026-02-25", to_day="2026-02-26")
    if on_record:
        site.row("event", what="document.asked", detail={"jti": order.jti}, account_id="")
    site.commit()
    return order.jti


def _failed(site: Dealing, jti: str, reason: str, *, on_record: bool = True) -> None:
    if on_record:
        site.row("event", what="document.failed", detail={"jti": jti, "reason": reason}, account_id="")
        site.commit()
    part = {"id": jti, "part": 0, "parts": 0, "reason": reason}
    for call in site.on.published:
        call(f"prepaid/1/gw-sim/document/{jti}", json.dumps(part).encode())


@pytest.mark.parametrize(
    ("asked", "reason", "recorded", "broken"),
    [
        (True, "too_large", True, []),
        (True, "too_large", False, ["I24"]),
        (True, "books_do_not_add_up", True, ["I19"]),
        (True, "month_changed", True, ["I19"]),
        (False, "too_large", True, ["I14"]),
    ],
)
def test_a_document_that_is_not_made_says_so_on_record(
    asked: bool,
    reason: str,
    recorded: bool,
    broken: list[str],
) -> None:
    """I24, I19: why it was not made is on record, and sound books always make one."""
    site = Dealing()
    jti = _asked(site, on_record=asked)
    _failed(site, jti, reason, on_record=recorded)
    assert site.violations == broken


def test_a_part_that_nobody_announced_is_noticed() -> None:
    """I24: what leaves is on record before it leaves, by the checksum of its seal."""
    site = Dealing()
    jti = _asked(site)
    part = {
        "id": jti, "part": 1, "parts": 1, "seal": "a.b.c", "data": "", "name": "n", "content_type": "t",
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }  # fmt: skip
    for call in site.on.published:
        call(f"prepaid/1/gw-sim/document/{jti}", json.dumps(part).encode())
    assert site.violations == ["I24"]
