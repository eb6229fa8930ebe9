"""The invariants of contract operations and postings have teeth: each is shown its promise broken.

What is sound comes first: a fee, two days of bonus, a certificate, another power, another meter, another holder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.dealing import NANO, Dealing, text_of
from tests.simulation.site import PRICE_NANO_PER_WH

BONUS = {"reference": "b", "from": "2026-02-25", "to": "2026-02-26", "total": "1.00", "currency": "CHF"}


def test_a_sound_history_of_operations_breaks_nothing() -> None:
    """S1-16, S2-03, S2-06, S2-33, S2-35, S4-09: what follows from signed commands, in its time, is no violation."""
    site = Dealing()
    site.posted("fee", -NANO // 2)
    site.posted("reconstruction", NANO, number=2, booked=3 * NANO, credit="3.00", debit="2.00", **_period())
    site.entry("reconstruction", -2 * NANO, "j1")
    site.commit()
    bonus = site.signed("bonus_set", **BONUS)
    site.paid(bonus, "2026-02-25", "2026-02-25", NANO // 2)
    site.commit()
    site.hours = 20.0
    site.paid(bonus, "2026-02-26", "2026-02-26", NANO // 2)
    site.certified(site.signed("reading_certificate", reason="check").jti, 1000)
    site.powered(site.signed("power_set", contract_power_w=9000), 9000)
    site.commit()
    site.rolled_over()
    site.commit()
    assert site.violations == []


def _period() -> dict[str, Any]:
    return {"from": "2026-01-01", "to": "2026-02-01"}


def test_another_meter_is_sound_when_both_halves_are_charged() -> None:
    """S4-09: the old one to its end, the new one from its start."""
    site = Dealing()
    site.charged(500)
    site.replaced(charged_wh=500)
    site.commit()
    site.hours = 1.0
    site.charged(40)
    site.commit()
    assert site.violations == []


def _posted_twice(site: Dealing) -> None:
    order = site.posted("fee", -NANO)
    site.entry("fee", -NANO, order.jti)


def _posting_of_nobody(site: Dealing) -> None:
    site.posted("fee", -NANO)
    site.orders.clear()


def _other_amount(site: Dealing) -> None:
    site.posted("fee", -NANO, booked=-2 * NANO)


def _one_side_only(site: Dealing) -> None:
    site.posted("reconstruction", NANO, booked=3 * NANO, credit="3.00", debit="2.00", **_period())


def _fee_that_gives(site: Dealing) -> None:
    site.posted("fee", NANO)


def _undone_twice(site: Dealing) -> None:
    site.posted("fee", -NANO)
    site.posted("fee", NANO, number=2, reverses="p1")
    site.posted("fee", NANO, number=3, reverses="p1")


def _number_twice(site: Dealing) -> None:
    site.posted("fee", -NANO)
    site.posted("fee", -NANO, reference="other")


def _posted_beside_the_rows(site: Dealing) -> None:
    site.posted("fee", -NANO)
    site.snapshot["postings"]["total_nano"] -= 1


def _number_never_posted(site: Dealing) -> None:
    site.posted("fee", -NANO)
    site.snapshot["postings"]["numbers"]["highest"] = 2


def _acknowledged_and_gone(site: Dealing) -> None:
    site.signed("posting", kind="fee", amount="-1.00", sequence=1, reference="p1", currency="CHF")
    site.commit()
    site.asked_in_the_end("postings")


def _day_paid_twice(site: Dealing) -> None:
    order = site.signed("bonus_set", **BONUS)
    site.paid(order, "2026-02-25", "2026-02-25", NANO // 2)
    site.paid(order, "2026-02-25", "2026-02-25", NANO // 2)


def _day_not_begun(site: Dealing) -> None:
    site.paid(site.signed("bonus_set", **BONUS), "2026-02-25", "2026-02-26", NANO)


def _more_than_its_share(site: Dealing) -> None:
    site.paid(site.signed("bonus_set", **BONUS), "2026-02-25", "2026-02-25", NANO // 2 + 2)


def _outside_its_days(site: Dealing) -> None:
    site.paid(site.signed("bonus_set", **BONUS), "2026-02-24", "2026-02-25", NANO)


def _certificate_of_nobody(site: Dealing) -> None:
    site.certified("j7", 1000)


def _certificate_twice(site: Dealing) -> None:
    order = site.signed("reading_certificate", reason="check")
    site.certified(order.jti, 1000)
    site.certified(order.jti, 1000)


def _certificate_invented(site: Dealing) -> None:
    for call in site.on.started:
        if call.__module__.endswith(".certificates"):
            call()
    site.certified(site.signed("reading_certificate", reason="check").jti, 4000)


def _certificate_too_early(site: Dealing) -> None:
    at = site.instant(2)
    site.certified(site.signed("reading_certificate", reason="check", at=at).jti, 1000, asked=at)


def _power_too_early(site: Dealing) -> None:
    site.powered(site.signed("power_set", contract_power_w=9000, at=site.instant(24)), 9000)


def _other_power(site: Dealing) -> None:
    site.powered(site.signed("power_set", contract_power_w=9000), 15_000)


def _cancelled_and_done(site: Dealing) -> None:
    order = site.signed("power_set", contract_power_w=9000, at=site.instant(1))
    site.signed("due_cancel", due_id=order.jti)
    site.hours = 2.0
    site.powered(order, 9000)


def _power_silently(site: Dealing) -> None:
    site.signed("power_set", contract_power_w=9000, at=site.instant(24))
    site.snapshot["contract_power_w"] = 9000


def _never_done(site: Dealing) -> None:
    site.signed("power_set", contract_power_w=9000, at=site.instant(1))
    site.hours = 9.0
    site.commit()
    site.asked_in_the_end("dues")


def _leaks(site: Dealing) -> None:
    site.rolled_over(top_up_total_nano=5 * NANO)


def _hold_follows_a_person(site: Dealing) -> None:
    site.rolled_over(holds=[{"hold_id": "h", "kind": "complaint", "until_utc_ms": None}])


def _other_register(site: Dealing) -> None:
    site.rolled_over(next_wh=1200)


def _charged_after_the_end(site: Dealing) -> None:
    site.rolled_over()
    site.commit()
    site.charged(100)


def _begins_anew(site: Dealing) -> None:
    site.rolled_over()
    site.commit()
    site.row("event", account_id="A2", what="register.opened", detail={"register_wh": 1200})


def _no_consent(site: Dealing) -> None:
    site.charged(500)
    site.replaced(charged_wh=500, consent=" ")


def _other_figures(site: Dealing) -> None:
    site.charged(500)
    site.replaced(charged_wh=500, new_start_wh=0)


def _across_is_not_exact(site: Dealing) -> None:
    """1400 Wh were read last, the old one ended at 1500, the new one stands at 60: 150 Wh, not 1450."""
    site.charged(400)
    line = {"component": "energy", "band": "all", "wh": 1450, "amount": text_of(1450 * PRICE_NANO_PER_WH)}
    line |= {"tariff_ref": "sim@1"}
    site.row(
        "entry", kind="charge", reference="case:1", lines=[line], from_register_wh=1400, to_register_wh=60,
        amount=text_of(-1450 * PRICE_NANO_PER_WH), balance="0.00",
    )  # fmt: skip
    site.replaced(charged_wh=1450)


def _outage_counted(site: Dealing) -> None:
    site.owing()
    site.holds("outage_plan", outage_id="o", begins=site.instant(1), ends=site.instant(7))
    site.limited(15.0)


def _worse_in_an_outage(site: Dealing) -> None:
    site.owing()
    site.holds("outage_plan", outage_id="o", begins=site.instant(11), ends=site.instant(20))
    site.limited(14.0)


def _disputed(site: Dealing) -> None:
    site.owing()
    site.holds("hold_set", hold_id="h", kind="dispute", amount="1.00")
    site.limited(14.0)


def _held_from_this_rung(site: Dealing) -> None:
    site.owing()
    site.holds("hold_set", hold_id="h", kind="complaint", rungs=["LIMITED"])
    site.limited(14.0)


@pytest.mark.parametrize(
    ("broken", "invariant"),
    [
        (_posted_twice, "I3"),
        (_posting_of_nobody, "I14"),
        (_other_amount, "I3"),
        (_one_side_only, "I3"),
        (_fee_that_gives, "I14"),
        (_undone_twice, "I14"),
        (_number_twice, "I3"),
        (_posted_beside_the_rows, "I2"),
        (_number_never_posted, "I1"),
        (_acknowledged_and_gone, "I4"),
        (_day_paid_twice, "I3"),
        (_day_not_begun, "I16"),
        (_more_than_its_share, "I2"),
        (_outside_its_days, "I14"),
        (_certificate_of_nobody, "I14"),
        (_certificate_twice, "I3"),
        (_certificate_invented, "I6"),
        (_certificate_too_early, "I16"),
        (_power_too_early, "I16"),
        (_other_power, "I14"),
        (_cancelled_and_done, "I14"),
        (_power_silently, "I14"),
        (_never_done, "I23"),
        (_leaks, "I5"),
        (_hold_follows_a_person, "I5"),
        (_other_register, "I5"),
        (_charged_after_the_end, "I5"),
        (_begins_anew, "I5"),
        (_no_consent, "I14"),
        (_other_figures, "I14"),
        (_across_is_not_exact, "I6"),
        (_outage_counted, "I9"),
        (_worse_in_an_outage, "I8"),
        (_disputed, "I8"),
        (_held_from_this_rung, "I8"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__.strip("_"),
)
def test_each_broken_promise_of_an_operation_is_noticed(broken: Callable[[Dealing], None], invariant: str) -> None:
    """S1-16, S2-03, S2-06, S2-21, S2-23, S2-33, S2-35, S4-06, S4-09: each is called by its name."""
    site = Dealing()
    broken(site)
    site.commit()
    assert invariant in site.violations


def test_what_a_hold_leaves_open_and_an_outage_that_is_over_keep_nobody() -> None:
    """2.5, S4-06: a hold from cut-offs bars no limit, and six hours of outage make a term six hours longer."""
    site = Dealing()
    site.owing()
    site.holds("hold_set", hold_id="h", kind="complaint", rungs=["SUSPENDED"])
    site.holds("outage_plan", outage_id="o", begins=site.instant(1), ends=site.instant(7))
    site.limited(19.5)
    assert site.violations == []
