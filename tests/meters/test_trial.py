"""A trial of the supply switch by somebody on site: only where supply is due and on, and the last word is "closed"."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import MeterError, MeterSilent
from gateway.meters import trial
from gateway.meters.poll import DWELL_AFTER_CLOSE_MS
from gateway.meters.trial import Trials, tried
from gateway.prepayment.supply import SupplyState, SwitchState
from tests.meters.scene import Scene, scene

KINDS = {"inside": "hiking", "relay": "eastron"}


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A supply that is off for a moment only."""
    monkeypatch.setattr(trial, "OPEN_S", 0.01)
    monkeypatch.setattr(trial, "CLOSE_PAUSE_S", 0.01)


def closed(s: Scene, kind: str) -> bool | None:
    """What the supply really is."""
    return s.sim.meter(KINDS[kind]).supply_closed


@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_opens_and_closes_with_read_back_and_is_on_record(kind: str) -> None:
    """I10: both moves are confirmed by what the device shows; the row says how long each took."""

    async def scenario() -> None:
        async with scene(kind) as s:
            await s.polls()
            asked = s.poll.trials.ask()
            assert s.poll.trials.ask() is asked
            await s.polls()
            made = await asked
            assert made is not None
            assert made.opened_ms is not None
            assert made.closed_ms is not None
            assert made.trouble == ""
            assert closed(s, kind) is True
            await s.polls(2)
            assert s.book.words() == ["switch.tried"]
            facts = dict(s.book.told[0].detail)
            assert (facts["opened_ms"], facts["closed_ms"]) == (made.opened_ms, made.closed_ms)

    asyncio.run(scenario())


def test_a_trial_waits_until_a_switch_that_has_just_closed_may_open_again() -> None:
    """I12, decision 15: neither after supply came back nor after the trial before; whoever asked is answered then."""

    async def scenario() -> None:
        async with scene("relay") as s:
            s.book.stand(SupplyState.SUSPENDED)
            await s.polls(2)
            s.book.stand(SupplyState.NORMAL)
            await s.polls()
            for _ in range(2):
                assert closed(s, "relay") is True
                asked = s.poll.trials.ask()
                left_ms = await s.poll.run()
                assert left_ms is not None
                assert 0 < left_ms <= DWELL_AFTER_CLOSE_MS
                assert not asked.done()
                s.clock.ahead_ms += DWELL_AFTER_CLOSE_MS
                await s.polls()
                made = await asked
                assert made is not None
                assert made.opened_ms is not None

    asyncio.run(scenario())


@pytest.mark.parametrize("state", [SupplyState.SUSPENDED, SupplyState.TERMINATED])
def test_no_trial_where_supply_is_not_due(state: SupplyState) -> None:
    """I14: a trial never gives supply to an account that is not entitled to it."""

    async def scenario() -> None:
        async with scene("inside") as s:
            await s.polls()
            s.book.stand(state)
            await s.polls()
            asked = s.poll.trials.ask()
            await s.polls()
            assert await asked is None
            assert closed(s, "inside") is False
            assert "switch.tried" not in s.book.words()

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", KINDS)
def test_a_supply_that_is_cut_during_a_trial_stays_open(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """I14, decision 13: a lock-out while the switch is open for a trial means hands on the wires; nothing closes it."""

    async def scenario() -> None:
        async with scene(kind) as s:
            await s.polls()
            monkeypatch.setattr(trial, "OPEN_S", 1.0)
            asked = s.poll.trials.ask()
            polling = asyncio.create_task(s.polls())
            async with asyncio.timeout(10):
                while closed(s, kind):
                    await asyncio.sleep(0.01)
            s.book.stand(SupplyState.SUSPENDED)
            made = await asked
            await polling
            assert made is not None
            assert (made.closed_ms, made.trouble) == (None, trial.NOT_DUE)
            assert closed(s, kind) is False
            assert dict(s.book.told[0].detail)["trouble"] == trial.NOT_DUE

    asyncio.run(scenario())


def test_a_meter_without_an_account_answers_whoever_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody at the console waits for ever: there is nobody whose supply could be due."""

    async def scenario() -> None:
        async with scene("inside") as s:
            monkeypatch.setattr(s.book, "account", lambda _: None)
            asked = s.poll.trials.ask()
            await s.polls()
            async with asyncio.timeout(1):
                assert await asked is None
            assert closed(s, "inside") is True

    asyncio.run(scenario())


def test_a_silent_meter_answers_whoever_asked() -> None:
    """Nobody at the console waits for ever: the poll's failure is the answer."""

    async def scenario() -> None:
        async with scene("inside") as s:
            await s.polls()
            await s.sim.do("fault hiking silence")
            asked = s.poll.trials.ask()
            await s.polls()
            with pytest.raises(MeterError):
                await asked

    asyncio.run(scenario())


class Stuck:
    """A meter whose switch does not close before the third try."""

    def __init__(self, failures: int) -> None:
        self.failures, self.closes = failures, 0

    async def set_switch(self, state: SwitchState) -> None:
        """Fail as told."""
        if state is SwitchState.CONNECTED:
            self.closes += 1
            if self.closes <= self.failures:
                raise MeterSilent(f"try {self.closes}")


class Still:
    """A clock that stands still."""

    def monotonic_ms(self) -> int:
        """Never moves."""
        return 0

    async def sleep(self, seconds: float) -> None:
        """Give way."""
        await asyncio.sleep(0)


@pytest.mark.parametrize(("failures", "closes", "closed_ms"), [(2, 3, 0), (9, trial.CLOSE_TRIES, None)])
def test_closing_is_tried_again(failures: int, closes: int, closed_ms: int | None) -> None:
    """Decision 15: closing is what matters; five tries here, and the polls go on for ever."""
    meter = Stuck(failures)
    made = asyncio.run(tried(meter, Still(), lambda: True))  # type: ignore[arg-type]
    assert (meter.closes, made.closed_ms) == (closes, closed_ms)
    assert made.trouble == f"try {min(failures, trial.CLOSE_TRIES)}"


def test_who_gives_up_waiting_harms_nothing() -> None:
    """A console that is gone when the poll comes leaves nothing behind, in either case."""

    async def scenario() -> None:
        trials = Trials()
        trials.ask().cancel()
        assert await trials.made(Stuck(0), Still(), lambda: True) is None  # type: ignore[arg-type]
        trials.ask().cancel()
        trials.failed(MeterSilent("gone"))
        trials.failed(MeterSilent("nobody asked"))

    asyncio.run(scenario())
