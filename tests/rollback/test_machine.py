"""Threats 3 and 4, I1-I3, I6, I8, I23: any history of copies, old cards, lost cards, clones, money and readings."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.commands import Command
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.prepayment.supply import SupplyState
from gateway.reference.branches import two_alive
from tests.prepayment.worlds import HOUR_MS, NANO
from tests.rollback.estate import ACCOUNT, SHORT, Estate, nano_of

_CAP_NANO = SHORT.offline_debt_cap_nano
_WORSE = (SupplyState.LIMITED, SupplyState.SUSPENDED)


class Cards(RuleBasedStateMachine):
    """One household, one head-end, a drawer full of old cards."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.top = Path(tempfile.mkdtemp(prefix="cards-"))
        (self.top / "gw").mkdir()
        self.e = Estate(self.top / "gw")
        self.drawer: list[Path] = []
        self.did: Counter[str] = Counter()

    @initialize()
    def begin(self) -> None:
        """A new gateway with its account."""
        self.runner.run(self.e.start())
        self.runner.run(self.e.poll())

    def teardown(self) -> None:
        """Let everything go."""
        self.runner.run(self.e.store.close())
        self.runner.close()
        shutil.rmtree(self.top)

    @rule(polls=st.integers(1, 12), wh=st.integers(0, 200))
    def live(self, polls: int, wh: int) -> None:
        """Energy is used and read."""
        self.runner.run(self.e.poll(polls, wh))

    @precondition(lambda self: self.e.account.suspicion is not None)
    @rule(polls=st.integers(20, 60), wh=st.integers(0, 150))
    def live_on(self, polls: int, wh: int) -> None:
        """Nobody resyncs for an hour: every term of the ladder would be over."""
        self.runner.run(self.e.poll(polls, wh))

    @rule(nano=st.integers(NANO, 20 * NANO))
    def sell(self, nano: int) -> None:
        """Credit is sold; whether it arrives is another matter."""
        self.runner.run(self.e.sell(nano))

    @precondition(lambda self: self.e.signed)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Any top-up arrives, again or out of order."""
        body = data.draw(st.sampled_from(self.e.signed))
        self.runner.run(self.e.execute(Command.TOP_UP, body))

    @precondition(lambda self: self.e.account.top_up_total_nano - self.e.account.reversal_total_nano > 2 * NANO)
    @rule()
    def take_back(self) -> None:
        """A franc is taken back."""
        self.runner.run(self.e.take_back(NANO))

    @rule()
    def contact(self) -> None:
        """First contact: an old card is recognised there and then, and only an old card is suspected."""
        forked = self.runner.run(self.e.forked())
        self.did["recognised"] += forked
        suspected = self.e.account.suspicion is not None
        self.runner.run(self.e.contact())
        assert (self.e.account.suspicion is not None) == (forked or suspected), "recognised at first contact"
        assert forked or suspected or self.e.account.start is None, "and otherwise vouched for"

    @rule(orderly=st.booleans(), off_h=st.integers(0, 30), watts=st.integers(0, 2_000))
    def restart(self, orderly: bool, off_h: int, watts: int) -> None:
        """The daemon stops, or the power goes; the card stays."""
        self.runner.run(self.e.stop(orderly=orderly))
        self.e.off(off_h * HOUR_MS, off_h * watts)
        self.runner.run(self.e.start())

    @precondition(lambda self: len(self.drawer) < 3)
    @rule(orderly=st.booleans())
    def copy(self, orderly: bool) -> None:
        """Somebody copies the card."""
        self.runner.run(self.e.stop(orderly=orderly))
        self.drawer.append(self.e.image())
        self.runner.run(self.e.start())

    @precondition(lambda self: self.drawer)
    @rule(data=st.data(), off_h=st.integers(0, 30), watts=st.integers(0, 2_000))
    def put_back(self, data: st.DataObject, off_h: int, watts: int) -> None:
        """An old card goes into the gateway; it may again."""
        card = data.draw(st.sampled_from(self.drawer))
        self.runner.run(self.e.stop(orderly=False))
        self.e.put_back(card)
        self.did["old cards"] += 1
        self.e.off(off_h * HOUR_MS, off_h * watts)
        self.runner.run(self.e.start())

    @rule(off_h=st.integers(0, 30))
    def lose(self, off_h: int) -> None:
        """The card is lost; an empty one goes in, and the file seeds the account again."""
        self.runner.run(self.e.stop(orderly=False))
        self.e.put_back(None)
        self.did["lost cards"] += 1
        self.e.off(off_h * HOUR_MS, 0)
        self.runner.run(self.e.start())

    @precondition(lambda self: self.drawer and self.e.met)
    @rule(data=st.data())
    def clone_speaks(self, data: st.DataObject) -> None:
        """A clone of an old card comes to life beside this gateway, and this one speaks again: both are named."""
        kept = data.draw(st.sampled_from(self.drawer))
        other = Estate(Path(tempfile.mkdtemp(dir=self.top)), self.e.clock)
        other.put_back(kept)
        running_ms = self.e.clock.running_ms
        other.branches, other.content, other.register_wh = self.e.branches, self.e.content, self.e.register_wh
        ours = self.e.store.epoch
        self.e.branches.hear(ours)
        self.runner.run(other.start())
        self.e.branches.hear(other.store.epoch)
        clone = other.store.epoch
        self.runner.run(other.store.close())
        self.e.clock.running_ms = running_ms
        self.e.branches.hear(ours)
        assert two_alive(self.e.branches.trail) is not None
        assert {clone, ours} <= set(self.e.branches.trail.heard)
        self.e.branches.trail.heard.clear()
        self.did["clones"] += 1

    @rule()
    def heal(self) -> None:
        """After contact, a resync if one is owed, a reading and the last totals both sides agree to the last nano."""
        e = self.e
        self.runner.run(e.contact())
        if e.account.suspicion is not None:
            answer = self.runner.run(e.resync())
            assert answer.status is VerdictStatus.APPLIED, answer
            self.did["resyncs"] += 1
        self.did["agreed"] += 1
        self.runner.run(e.poll(5))
        for command, last in ((Command.TOP_UP, e.signed[-1:]), (Command.TOP_UP_REVERSE, e.reversed[-1:])):
            for body in last:
                answer = self.runner.run(e.execute(command, body))
                assert answer.status is not VerdictStatus.REFUSED, answer
        self.runner.run(e.poll())
        assert e.account.balance_nano == e.truth_nano, "each Wh charged once, each franc credited once"
        assert not e.account.register.cases
        self.runner.run(e.upload())
        assert e.branches.main.head == e.store.head.hash, "the head-end has every row (I23)"
        known = e.branches.trail.main.accounts[ACCOUNT]
        assert known.balance == wire_money(e.account.settled_balance_nano)
        assert known.top_up == (e.account.top_up_sequence, wire_money(e.account.top_up_total_nano))
        assert known.state is e.account.supply.state

    @invariant()
    def credit_is_what_was_signed(self) -> None:
        """I1: never more than was signed, whatever card is in the gateway."""
        if self.e._teller is None:
            return
        account = self.e.account
        assert account.top_up_total_nano - account.withheld_nano <= sum(nano_of(body.amount) for body in self.e.signed)
        assert account.withheld_nano >= 0

    @invariant()
    def nothing_escalates_under_suspicion(self) -> None:
        """Threat 3: while rollback is suspected only money, and never more than a limit, makes things worse."""
        moves, self.e.moves = self.e.moves, []
        for move, suspected in moves:
            self.did[f"to {move.target}"] += 1
            if suspected and move.target in _WORSE and move.rule != "resynced":
                assert move.rule in ("offline_debt_cap", "unconfirmed_debt_cap")
                assert move.target is SupplyState.LIMITED
                assert move.balance_nano <= -_CAP_NANO


TestCards = pytest.mark.timeout(300)(Cards.TestCase)
TestCards.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestCards.runTest.__doc__ = "I1-I3, I6, I8, I23, threats 3 and 4 hold after every step of any history of cards."
