"""Checks of operations, of post-paid supply and of the console that no planted bug makes fail, each shown its case.

As in `test_invariants_seen.py`: what counts is what is said, not only which promise was broken.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from tests.simulation.dealing import NANO, REPORT, Dealing
from tests.simulation.test_invariants_claims import Owing
from tests.simulation.test_invariants_console import Counter


def _wrong_reason(site: Dealing) -> None:
    site.certified(site.signed("reading_certificate", reason="check").jti, 1000, "billing")


def _wrong_instant(site: Dealing) -> None:
    order = site.signed("reading_certificate", reason="check", at=site.instant(-1))
    site.certified(order.jti, 1000, asked=site.instant(-2))


def _not_as_declared(site: Dealing) -> None:
    order = site.signed("meter_replace", **REPORT)
    site.certified(f"{order.jti}.old", 1400, "replacement", quality="declared")


def _never_read(site: Dealing) -> None:
    site.charged(100)
    order = site.signed("reading_certificate", reason="check")
    site.row("certificate", certificate_id=order.jti, reason="check", quality="actual", asked=site.instant(0))


def _done_twice(site: Dealing) -> None:
    order = site.signed("power_set", contract_power_w=9000)
    site.powered(order, 9000)
    site.powered(order, 9000)


def _follows_nobody(site: Dealing) -> None:
    site.rolled_over()
    site.snapshot["supply"]["state"] = "NORMAL"


def _three_certificates(site: Dealing) -> None:
    site.rolled_over()
    site.certified([*site.orders][-1], 1000, "voltura")


def _settled_elsewhere(site: Dealing) -> None:
    site.rolled_over()
    site.snapshot["settled_register_wh"] = 900


def _booked_as_another_kind(site: Dealing) -> None:
    fields = {"amount": "-1.00", "sequence": 1, "reference": "p1", "currency": "CHF"}
    site.entry("interest", -NANO, site.signed("posting", kind="fee", **fields).jti)


def _day_left_out(site: Dealing) -> None:
    site.paid(site.signed("bonus_set", **BONUS), "2026-02-24", "2026-02-24", 333_333_333)


def _not_the_whole(site: Dealing) -> None:
    order = site.signed("bonus_set", **BONUS)
    for day in ("2026-02-23", "2026-02-24", "2026-02-25"):
        site.paid(order, day, day, 333_333_333)


def _bonus_stands_still(site: Dealing) -> None:
    held = {"reference": "b", "from_day": "2026-02-20", "to_day": "2026-03-20", "through": "2026-02-21"}
    site.snapshot["bonuses"] = [held]
    site.commit()
    site.asked_in_the_end("postings")


def _charged_by_hearsay(site: Dealing) -> None:
    site.charged(400)
    site.replaced(charged_wh=100)


def _replaced_by_nobody(site: Dealing) -> None:
    site.row("event", what="meter.replaced", detail=REPORT | {"charged_wh": 0})


def _replaced_uncertified(site: Dealing) -> None:
    site.signed("meter_replace", **REPORT)
    site.row("event", what="meter.replaced", detail=REPORT | {"charged_wh": 0})


def _month_sealed_anew(site: Dealing) -> None:
    for digest in ("aa", "bb"):
        site.row("event", what="document.month", detail={"account": "A1", "month": "2026-01", "sha256": digest})


def _part_is_spoilt(site: Dealing) -> None:
    order = site.signed("document", kind="statement")
    site.row("event", what="document.asked", detail={"jti": order.jti}, account_id="")
    site.commit()
    part = {"id": order.jti, "part": 1, "parts": 2, "seal": "a.b.c", "data": "", "sha256": "00"}
    for call in site.on.published:
        call(f"prepaid/1/gw-sim/document/{order.jti}", json.dumps(part).encode())


def _document_never_came(site: Dealing) -> None:
    site.signed("document", kind="statement")
    site.commit()
    site.asked_in_the_end("documents")


BONUS = {"reference": "b", "from": "2026-02-23", "to": "2026-02-25", "total": "1.00", "currency": "CHF"}
DEALT: list[tuple[Callable[[Dealing], None], str]] = [
    (_wrong_reason, "was asked for, it is one for billing"),
    (_wrong_instant, "asked was"),
    (_not_as_declared, "1400 Wh are certified, 1500 were declared"),
    (_never_read, "no register is certified, and there were charges by one before"),
    (_done_twice, "was done before"),
    (_follows_nobody, "A2 does not follow A1"),
    (_three_certificates, "its certificates are"),
    (_settled_elsewhere, "charged until 900 Wh, handed over at 1000 Wh"),
    (_booked_as_another_kind, "interest in CHF, signed was fee in CHF"),
    (_day_left_out, "1 days before 2026-02-24 are not credited"),
    (_not_the_whole, "999999999 nano in all, 1000000000 were signed"),
    (_bonus_stands_still, "b is paid to 2026-02-21, not 2026-02-24"),
    (_charged_by_hearsay, "another meter after 1500 Wh, charged until 1400"),
    (_charged_by_hearsay, "100 Wh are reported as charged, 0 are"),
    (_replaced_by_nobody, "nobody reported another meter"),
    (_replaced_uncertified, "certified are [], two belong to"),
    (_month_sealed_anew, "was handed out before, and is another now"),
    (_part_is_spoilt, "part 1 of 2 is not what its checksum says"),
    (_document_never_came, "was granted and never came"),
]


@pytest.mark.parametrize(("broken", "words"), DEALT, ids=[words.replace(" ", "_") for _, words in DEALT])
def test_each_check_of_an_operation_says_what_it_is_there_for(broken: Callable[[Dealing], None], words: str) -> None:
    """S1-16, S2-03, S2-06, S2-21, S2-33, S2-35, S4-09, S4-17: certificates, holders, postings, meters, documents."""
    site = Dealing()
    assert not site.told
    broken(site)
    site.commit()
    assert site.broken(words), site.told


class _Differing(Dealing):
    """Whose next holder is certified another register."""

    def certified(self, jti: str, wh: int, reason: str = "check", **fields: Any) -> None:
        """A Wh more for A2."""
        super().certified(jti, wh + (fields.get("account_id") == "A2"), reason, **fields)


def test_certificates_of_two_holders_that_differ_are_noticed() -> None:
    """I5, S2-03: one register for both."""
    site = _Differing()
    site.rolled_over()
    site.commit()
    assert site.broken("the certificates differ")


def _dropped_and_not_kept(site: Owing) -> None:
    site.row("event", what="supply.order_refused", detail={"command_id": "j9", "reason": "paid"})


def _ended_too_soon(site: Owing) -> None:
    site.noticed()
    site.signed("account_close", {"cause": "delinquency"})
    site.stepped("closed", "NOTICED", "TERMINATED")


def _replaced_in_silence(site: Owing) -> None:
    site.noticed()
    body = {"arrears_id": "N1", "legal_ref": "x"}
    _, newest = (site.signed("supply_limit", body, reason="queued") for _ in range(2))
    site.snapshot["ordered"] = {"command_id": newest.jti, "slot_utc_ms": site.now_ms}


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (_dropped_and_not_kept, "an order was dropped,  was kept"),
        (_ended_too_soon, "the contract ends for arrears, the supply was NOTICED"),
        (_replaced_in_silence, "was kept, and is gone without a word"),
    ],
)
def test_each_check_of_claims_says_what_it_is_there_for(broken: Callable[[Owing], None], words: str) -> None:
    """I9, I24, S1-14: orders that were kept, and the end of a contract."""
    site = Owing()
    assert not site.told
    broken(site)
    site.commit()
    assert site.broken(words), site.told


def _tried_by_nobody(site: Counter) -> None:
    site.row("event", what="console.switch_trial", detail={"by": "rossi"})
    site.commit()


def _sold_and_refused(site: Counter) -> None:
    site.world.phone.texts.append(("A1", "12345"))
    site.asks("topup.code", "code_not_genuine", code="12345", account="A1")


def _idle(site: Counter) -> None:
    site.logs_in()
    site.hours += 0.3
    site.asks("status")


def _for_ever(site: Counter) -> None:
    site.logs_in()
    for _ in range(61):
        site.hours += 0.2
        site.asks("status")


def _higher(site: Counter) -> None:
    site.logs_in()
    site.asks("whoami", data={"who": "rossi", "role": "supervisor", "proven": True})


def _password_of_nobody(site: Counter) -> None:
    site.asks("login", data={"who": "x", "role": "viewer", "proven": False}, name="x", password="y")


def _judged_unrecorded(site: Counter) -> None:
    site.world.medium = SimpleNamespace(folder=Path("nowhere"))  # type: ignore[assignment]
    for call in site.on.judged:
        call(True)


def _failed_in_silence(site: Counter) -> None:
    site.asks("topup.code", "code_not_genuine", code="1", account="A1")
    site.asked_in_the_end("attempts")


def _told_twice(site: Counter) -> None:
    message: Any = SimpleNamespace(message_id="alert.gw-sim.7.abc.1", to="anna@example.org")
    for call in site.on.posted * 2:
        call(SimpleNamespace(at_s=site.hours * 3600, life=1, message=message))  # type: ignore[arg-type]


def _cut_untold(site: Counter) -> None:
    site.world.setting.told = True  # type: ignore[misc]
    site.hours = 1.0
    site.charged(10_000)
    site.moved("credit_gone", "NORMAL", "GRACE")
    site.commit()
    site.hours = 14.0
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (_tried_by_nobody, "rossi is said to have tried the switch"),
        (_sold_and_refused, "a code that was sold is said not to be genuine"),
        (_idle, "after 18 idle minutes"),
        (_for_ever, "in a session of 12 hours"),
        (_higher, "'rossi' is supervisor, the line proved technician"),
        (_password_of_nobody, "x was let in by a password that nobody gave"),
        (_judged_unrecorded, "no failure was on the card before"),
        (_failed_in_silence, "1 attempts were told to be wrong, 0 are on record"),
        (_told_twice, "came 2 times in one life of the daemon"),
        (_cut_untold, "GRACE -> LIMITED, and 0 messages reached the customer"),
    ],
)
def test_each_check_of_console_and_messages_says_what_it_is_there_for(
    broken: Callable[[Counter], None], words: str
) -> None:
    """I9, I14, I18, I24, S4-22: sessions, attempts, alerts."""
    site = Counter()
    site.opened()
    assert not site.told
    broken(site)
    assert site.broken(words), site.told


def test_who_has_no_recipient_need_not_be_told() -> None:
    """I9, S4-22: the third holder of one meter is in no configuration; there is nobody to send anything to."""
    site = Counter()
    site.opened()
    with mock.patch("tests.simulation.invariants.messages.RECIPIENTS", frozenset({"A2"})):
        _cut_untold(site)
    assert not site.broken("reached the customer")
