"""What a head-end keeps of rows and orders for a resync, of rows in the wrong order, and of whom it never saw."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.commands import Command
from gateway.commands.agreement import PolicySetBody, TariffSetBody
from gateway.commands.books import AccountResyncBody
from gateway.commands.credit import TopUpBody
from gateway.config.document import load
from gateway.config.policies import PolicyDocument
from gateway.config.tariffs import TariffDocument
from gateway.errors import ConfigError
from gateway.prepayment.ledger import GENESIS, Happening, chain
from gateway.prepayment.posting import MISSING_MAX
from gateway.reference import chain as chains
from gateway.reference.book import Content
from gateway.reference.branches import RESYNCED, Branch, Branches, Trail, report
from gateway.reference.chain import Chain, Taken, verify_lines
from gateway.reference.cli import main
from gateway.reference.known import Known, Signed, learn, position
from gateway.reference.quarters import Quarters
from gateway.reference.resync import orders
from gateway.reference.sign import load_private
from gateway.store.codec import canonical, wire_record
from tests.prepayment.worlds import at
from tests.reference.rows import chained
from tests.reference.test_branches import rows
from tests.reference.test_known import AT, HOME, entry, event, posted

PLACE = at()


def transition(target: str, rule: str, running_ms: int) -> dict[str, object]:
    """A change of rung."""
    base = {"type": "transition", "account_id": "A1", "source": "NORMAL", "target": target, "rule": rule}
    return {**base, "at": {**AT, "running_ms": running_ms}, "detail": {}}


def notice(template: str, running_ms: int) -> dict[str, object]:
    """What the customer was told."""
    return {"type": "notice", "account_id": "A1", "template": template, "at": {**AT, "running_ms": running_ms}}


def learned(*of: dict[str, object]) -> Known:
    """What the rows say of A1."""
    accounts: dict[str, Known] = {}
    for row in of:
        learn(accounts, row)
    return accounts["A1"]


def test_a_protected_supply_keeps_the_day_of_its_notice() -> None:
    """I8, threat 3: only a rung that the ladder took needs a notice of its own; protection takes back no warning."""
    told = (transition("GRACE", "credit_spent", 10), notice("grace", 20))
    assert learned(*told).notice_ms == 20
    assert learned(*told, transition("NORMAL", "protected", 30)).notice_ms == 20
    assert learned(*told, transition("LIMITED", "grace_over", 30)).notice_ms is None


def test_an_absence_that_ends_at_another_register_is_one_case() -> None:
    """I6, threat 3: a register that was charged beyond an absence already is not taken back to its end."""
    absent = event("unobserved", 1, 200, 250)
    assert learned(entry(100, 200), absent, event("discontinuity", 1, 200, 9)).register_wh == 9
    assert learned(entry(100, 200), absent, entry(250, 300), event("discontinuity", 1, 200, 9)).register_wh == 300


def test_a_posting_beyond_what_can_be_missing_changes_no_numbers() -> None:
    """I3, threat 3: a resync could not name so many missing numbers, so the highest known one stays what it was."""
    known = learned(posted("fee", sequence=1), posted("fee", sequence=MISSING_MAX + 3))
    assert (known.posting_sequence, known.posting_missing) == (1, ())
    assert learned(posted("fee", sequence=1), posted("fee", sequence=MISSING_MAX + 2)).posting_sequence == 66


def test_the_day_of_the_last_standing_charge_is_in_the_position() -> None:
    """I5, threat 3: days that were charged are not charged again after a resync."""
    line = {"component": "standing", "wh": 0, "days": 1, "amount": "-0.10", "tariff_ref": "t@1"}
    assert position(learned(entry(1, 2)), Signed(), 0).standing_at is None
    said = position(learned({**entry(1, 2), "lines": [line]}), Signed(), 0).standing_at
    assert said is not None
    assert said.isoformat(timespec="milliseconds") == AT["utc"].replace("Z", "+00:00")  # type: ignore[attr-defined]


def test_settings_that_were_signed_come_before_the_resync() -> None:
    """Threat 3: an old image has the old policy and tariffs; they are sent again, in order, before it charges on."""
    content = Content()
    learn(content.trail.main.accounts, {**entry(1, 2), "kind": "opening"})
    policy = PolicySetBody("A1", load(HOME / "policies" / "prepaid.toml", PolicyDocument))
    tariffs = [
        TariffSetBody("A1", load(HOME / "tariffs" / f"{name}.toml", TariffDocument)) for name in ("ch-flat", "ch-eco")
    ]
    signed = content.signed["A1"] = Signed()
    for body in (tariffs[0], policy, tariffs[1], TopUpBody("A1", 1, "5.00", "5.00", "CHF", "web")):
        signed.take(body)
    assert [(command, body) for command, body in orders(content, "run-1", ("A1",))][:3] == [
        (Command.TARIFF_SET, tariffs[0]), (Command.TARIFF_SET, tariffs[1]), (Command.POLICY_SET, policy),
    ]  # fmt: skip


def test_an_account_of_a_lost_branch_alone_is_resynced_to_nothing() -> None:
    """I23, threat 3: what only the other branch has gets a currency and no position; a stranger is refused."""
    content = Content()
    content.trail.others = [Branch(accounts={"A9": Known(currency="CHF")})]
    [(command, body)] = orders(content, "run-1", ("A9",))
    assert command is Command.ACCOUNT_RESYNC
    assert isinstance(body, AccountResyncBody)
    assert (body.account_id, body.currency, body.position) == ("A9", "CHF", None)
    with pytest.raises(ConfigError, match="account A7 was never seen; the book has seen A9"):
        orders(content, "run-1", ("A7",))
    with pytest.raises(ConfigError, match="account A7 was never seen; the book has seen none"):
        orders(Content(), "run-1", ("A7",))


def test_rows_that_wait_are_bounded_and_one_that_does_not_fit_breaks_the_chain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """I7, I20: rows far ahead are not kept without end; one that waited and does not follow is told, not taken."""
    bodies = [row.body for row in chained([Happening(PLACE, "", f"what.{number}") for number in range(6)])]
    monkeypatch.setattr(chains, "WAITING_MAX", 1)
    kept = Chain()
    assert [kept.take(bodies[number])[0] for number in (2, 3, 0)] == [Taken.EARLY, Taken.EARLY, Taken.NEXT]
    assert [row.seq for row in kept.take(bodies[1])[1]] == [2, 3], "the fourth was not kept and comes again"
    assert [row.seq for row in kept.take(bodies[3])[1]] == [4]
    forged = Chain()
    assert forged.take(bodies[0])[0] is Taken.NEXT
    other = canonical({**wire_record(Happening(PLACE, "", "x")), "seq": 3, "epoch": "e", "prev": "0" * 64})
    assert forged.take(other)[0] is Taken.EARLY
    taken, follow = forged.take(bodies[1])
    assert (taken, [row.seq for row in follow], forged.seq) == (Taken.BROKEN, [2], 2)


def test_an_empty_line_of_an_export_is_no_row() -> None:
    """I7: editors and shells add them; they are neither a mistake nor a place where a row may be missing."""
    bodies = [row.body for row in chained([Happening(PLACE, "", f"what.{number}") for number in range(3)])]
    reached, wrong = verify_lines([b"\n", bodies[0], b"  \n", bodies[1], bodies[2], b""])
    assert (reached.seq, wrong) == (3, "")


def test_a_row_that_came_before_the_fork_of_its_run_goes_with_it() -> None:
    """I23: a row far ahead waits for the followed branch until its run turns out to be another; then it goes there."""
    followed, other = rows("e-first", 3), rows("e-second", 6)
    branches = Branches(Trail())
    for body, _ in followed:
        branches.take(body)
    branches.take(other[5][0])
    assert branches.gap == (4, 5)
    for body, _ in other[:5]:
        branches.take(body)
    assert branches.gap is None
    assert [(branch.epoch, branch.seq) for branch in branches.trail.others] == [("e-second", 6)]
    assert branches.main.seq == 3


def resynced(accounts: tuple[str, ...], lost: str) -> list[bytes]:
    """A run that begins anew and in which each of these accounts was resynced."""
    head, found = GENESIS, []
    for number, account_id in enumerate(accounts, 1):
        record = wire_record(Happening(at(number), account_id, RESYNCED, (("lost_head", lost), ("known", 1))))
        found.append(canonical({**record, "seq": number, "epoch": "e-second", "prev": head}))
        head = chain(head, found[-1])
    return found


def test_each_account_takes_over_what_the_lost_branch_knew_of_it() -> None:
    """I23, threat 3: the second account is resynced when the first one's branch is followed already."""
    branches = Branches(Trail())
    first = rows("e-first", 2)
    for body, _ in first:
        branches.take(body)
    branches.trail.main.accounts = {name: Known(balance=f"{number}.00") for number, name in enumerate(("A1", "A2"))}
    for body in resynced(("A1", "A2"), first[-1][1]):
        branches.take(body)
    assert branches.main.epoch == "e-second"
    assert branches.trail.owed is not None
    assert branches.trail.owed.accounts == {}
    assert set(branches.trail.main.accounts) == {"A1", "A2"}


def test_an_old_resync_in_a_journal_that_is_read_from_its_beginning_takes_over_nothing() -> None:
    """I23: a head-end with a new book sees resyncs of long ago; the branch they name was never its own."""
    branches = Branches(Trail())
    for body in resynced(("A1",), "f" * 64):
        branches.take(body)
    assert branches.trail.owed is None
    assert branches.trail.others == []
    assert branches.main.seq == 1


def test_one_branch_is_reported_without_advice() -> None:
    """I23: `headend branches` of a healthy gateway shows where it stands and asks for nothing."""
    branches = Branches(Trail())
    for body, _ in rows("e-first", 2):
        branches.take(body)
    said = report(branches.trail)
    assert said[0].startswith("followed: rows 1 to 2, from ")
    assert not any("fork" in line or "resync" in line or "two gateways" in line for line in said)


@pytest.mark.parametrize("number", [None, "3", 0, -1, 1.5])
def test_a_quarter_hour_without_a_number_is_refused(number: object) -> None:
    """I21: what has no place in the order is told as such and moves nothing."""
    quarters = Quarters(4)
    with pytest.raises(ValueError, match="is no quarter-hour: its number is "):
        quarters.take({"number": number}, 0.0)
    assert quarters.number == 4


def test_a_key_of_another_kind_signs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Threat 2: a gateway takes Ed25519 alone; another private key is refused before a command is made with it."""
    file = tmp_path / "private.pem"
    file.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="is not an Ed25519 key; make one with `prepaid-gateway headend keys`"):
        load_private(file, "k", "i")
    assert main(["branches", str(tmp_path / "no.json")]) == 2
    assert f"{tmp_path / 'no.json'}: there is no such book" in capsys.readouterr().err
