"""SMS through a GSM modem on a serial port of its own, in PDU mode.

The modem is set up anew for each message: it may have lost its power since the last one, and nothing tells. One that
hangs is woken by ESC, AT and ATZ, then by opening its port again; what stays silent costs one message its turn, and
nobody else anything. A part is never sent twice unless nobody knows whether it went.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from gateway.alerts.atline import AtLine, ModemRefused, ModemSilent
from gateway.alerts.channel import Later, Message, Never, Result, Sent
from gateway.alerts.deliveries import Deliveries, Told
from gateway.alerts.pdu import Fate, Garbled, Submit, Unsendable, status_report, submits
from gateway.alerts.serialport import Opener, PortGone
from gateway.alerts.simpin import PinRecord, read_pin
from gateway.alerts.verdicts import BUSY, ModemState, state_of, verdict
from gateway.clock import Clock

VALIDITY_MINUTES = 24 * 60
"""A telephone that is off for longer gets no message about a state that has passed."""
BEGUN_MAX = 32
WAKE_TRIES = 3
CLOSE_S = 1.5
_REGISTERED = frozenset({1, 5, 6, 7, 9, 10})
"""At home, roaming, and both again for messages only and for a network where calls are second."""
_DENIED = 3
_NETWORK = re.compile(r"\+CE?REG: ?[0-5], ?([0-9]{1,2})(?:,.*)?")
_SIGNAL = re.compile(r"\+CSQ: ?([0-9]{1,2}),.*")
_REFERENCE = re.compile(r"\+CMGS: ?([0-9]{1,3})(?:,.*)?")
_SIM = re.compile(r"\+CPIN: ?([A-Z0-9 -]{1,20})")
_REPORTING = ("AT+CNMI=2,0,0,1,0", "AT+CNMI=1,0,0,1,0")
_SIGNAL_UNKNOWN = 99

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what may take, in seconds. The sum stays below SEND_MAX_S: no part is begun when it could not."""

    wake_s: float = 1.0
    answer_s: float = 5.0
    pin_s: float = 20.0
    register_s: float = 30.0
    look_s: float = 1.0
    prompt_s: float = 10.0
    submit_s: float = 60.0
    whole_s: float = 160.0


class _Stop(Exception):
    """This message cannot go on now: the answer, and what a technician should know."""

    def __init__(self, result: Later | Never, state: ModemState) -> None:
        super().__init__(result.reason)
        self.result = result
        self.state = state


@dataclass(slots=True)
class _Begun:
    """A message of which some parts have gone: trying again goes on behind them."""

    parts: tuple[Submit, ...]
    references: list[int] = field(default_factory=list)


class ModemChannel:
    """A `Channel` through a modem. `told` hears what status reports say, as long as the port stays open."""

    name = "sms"

    def __init__(
        self, opener: Opener, clock: Clock, record: Path, *, pin_file: Path | None, patience: Patience | None = None
    ) -> None:
        self.told: Told = _nobody
        self.signal_dbm: int | None = None
        self._state = ModemState.UNUSED
        self._opener = opener
        self._clock = clock
        self._record = PinRecord(record)
        self._pin_file = pin_file
        self._patience = patience or Patience()
        self._line: AtLine | None = None
        self._begun: OrderedDict[str, _Begun] = OrderedDict()
        self._deliveries = Deliveries(self._on_delivery)

    @property
    def state(self) -> str:
        """See `Channel`; the words are those of `ModemState`."""
        return self._state

    async def send(self, message: Message) -> Result:
        """See `Channel`."""
        seed = zlib.crc32(f"{message.message_id} {message.text}".encode("utf-8", "replace"))
        try:
            parts = submits(message.to, message.text, seed & 0xFF, validity_minutes=VALIDITY_MINUTES)
        except Unsendable as error:
            return Never(str(error))
        until_ms = self._clock.monotonic_ms() + round(self._patience.whole_s * 1000)
        try:
            result, state = await self._sent(message, parts, until_ms), ModemState.OK
        except _Stop as stop:
            result, state = stop.result, stop.state
        except ModemRefused as error:
            result, state = verdict(error.family, error.code), state_of(error.family, error.code)
        except ModemSilent:
            await self._drop()
            result, state = Later("the modem does not answer"), ModemState.SILENT
        except PortGone as error:
            await self._drop()
            result, state = Later(f"the modem's port: {error}"), ModemState.NO_PORT
        self._show(ModemState.OK if isinstance(result, Never) else state)
        return result

    async def close(self) -> None:
        """See `Channel`."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._drop()
        except TimeoutError:
            log.warning("sms.port_stuck", hint="the driver of the port does not let go of it")

    async def _sent(self, message: Message, parts: tuple[Submit, ...], until_ms: int) -> Result:
        line = await self._awake()
        await self._set_up(line)
        begun = self._begun.pop(message.message_id, None)
        if begun is None or begun.parts != parts:
            begun = _Begun(parts)
        self._deliveries.hold()
        try:
            while len(begun.references) < len(parts):
                worst_s = self._patience.prompt_s + self._patience.submit_s
                if self._clock.monotonic_ms() + worst_s * 1000 > until_ms:
                    raise _Stop(Later("the modem is too slow for all parts at once"), ModemState.OK)
                begun.references.append(await self._submit(line, parts[len(begun.references)]))
            self._deliveries.sent(message.message_id, message.to, begun.references)
        finally:
            self._deliveries.release()
            if 0 < len(begun.references) < len(parts):
                self._begun[message.message_id] = begun
                while len(self._begun) > BEGUN_MAX:
                    self._begun.popitem(last=False)
        return Sent(",".join(map(str, begun.references)))

    async def _submit(self, line: AtLine, part: Submit) -> int:
        """One part; its reference. PDU mode each time: a modem that lost it would send the digits, to somebody else."""
        await line.ask("AT+CMGF=0", self._patience.answer_s)
        if not await line.prompted(f"AT+CMGS={part.octets}", self._patience.prompt_s):
            raise _Stop(Later("the modem did not ask for the message"), ModemState.REFUSED)
        try:
            lines = await line.submit(part.text, self._patience.submit_s)
        except (ModemSilent, PortGone) as error:
            await self._drop()
            state = ModemState.SILENT if isinstance(error, ModemSilent) else ModemState.NO_PORT
            raise _Stop(Later("the modem did not say whether it went", may_have_gone=True), state) from error
        reference = _found(_REFERENCE, lines)
        if reference is None or int(reference) > 0xFF:
            await self._drop()
            raise _Stop(Later("the modem gave no reference", may_have_gone=True), ModemState.REFUSED)
        return int(reference)

    async def _awake(self) -> AtLine:
        """A modem that answers, if need be after opening the port again."""
        if self._line is not None and not self._line.gone:
            try:
                await self._wake(self._line)
                return self._line
            except (ModemSilent, PortGone):
                log.info("sms.reopening")
        await self._drop()
        line = self._line = AtLine(self._clock, self._on_report)
        await line.open(self._opener)
        await self._wake(line)
        return line

    async def _wake(self, line: AtLine) -> None:
        """ESC leaves a prompt that an earlier message got stuck at; then AT, and as the last thing ATZ."""
        within_s = self._patience.wake_s
        await line.escape(within_s)
        for command in (*["AT"] * WAKE_TRIES, "ATZ"):
            try:
                await line.ask(command, within_s)
            except ModemRefused:
                continue  # what was left of an earlier line
            except ModemSilent:
                await line.escape(within_s)
                continue
            await line.quiet()
            return
        raise ModemSilent("neither AT nor ATZ was answered")

    async def _set_up(self, line: AtLine) -> None:
        await self._try(line, "ATE0")
        await self._try(line, "AT+CMEE=1")
        await self._open_sim(line)
        await self._try(line, "AT+CSMS=0")
        for command in _REPORTING:
            if await self._try(line, command) is not None:
                break
        await self._find_network(line)

    async def _try(self, line: AtLine, command: str) -> list[str] | None:
        """What a modem may refuse without harm: None then."""
        try:
            return await line.ask(command, self._patience.answer_s)
        except ModemRefused:
            return None

    async def _open_sim(self, line: AtLine) -> None:
        entered = False
        for _ in self._looks():
            sim = await self._sim_state(line)
            if sim == "READY":
                return
            if sim == "SIM PIN" and not entered:
                await self._enter_pin(line)
                entered = True
                continue
            if sim not in ("", "SIM PIN"):
                raise _Stop(Later(f"the SIM asks for {sim}, which a person must enter"), ModemState.SIM_LOCKED)
            await self._clock.sleep(self._patience.look_s)
        raise _Stop(Later("the SIM does not get ready"), ModemState.NO_SIM)

    async def _sim_state(self, line: AtLine) -> str:
        """What the SIM asks for; "" while it is busy."""
        try:
            return _found(_SIM, await line.ask("AT+CPIN?", self._patience.answer_s)) or ""
        except ModemRefused as error:
            if (error.family, error.code) in BUSY:
                return ""
            raise

    async def _enter_pin(self, line: AtLine) -> None:
        if self._pin_file is None:
            raise _Stop(Later("the SIM asks for a PIN and none is configured"), ModemState.PIN_NEEDED)
        try:
            pin = await asyncio.to_thread(read_pin, self._pin_file)
            may = await asyncio.to_thread(self._record.begin, pin)
        except (OSError, ValueError) as error:
            raise _Stop(
                Later(f"the PIN or its record cannot be used ({type(error).__name__})"), ModemState.PIN_NEEDED
            ) from error
        if not may:
            raise _Stop(Later("the PIN was tried before and is not tried again"), ModemState.PIN_REFUSED)
        try:
            await line.ask(f'AT+CPIN="{pin}"', self._patience.pin_s)
        except ModemRefused as error:
            if (error.family, error.code) in BUSY:
                raise
            await self._keep(self._record.refused, pin)
            log.warning("sms.pin_refused", hint="the gateway does not try it again; see docs/sms.md")
            raise _Stop(Later("the SIM refused the PIN"), ModemState.PIN_REFUSED) from error
        await self._keep(self._record.accepted, pin)

    @staticmethod
    async def _keep(outcome: Callable[[str], None], pin: str) -> None:
        """Put the outcome on record; without it the PIN counts as tried, which errs on the safe side."""
        try:
            await asyncio.to_thread(outcome, pin)
        except (OSError, ValueError) as error:
            log.warning("sms.pin_not_on_record", what=type(error).__name__)

    async def _find_network(self, line: AtLine) -> None:
        status = 0
        for _ in self._looks():
            for command in ("AT+CREG?", "AT+CEREG?"):
                found = _found(_NETWORK, await self._try(line, command) or [])
                if found is not None and int(found) in _REGISTERED:
                    await self._measure(line)
                    return
                status = int(found) if found is not None and command == "AT+CREG?" else status
            if status == _DENIED:
                raise _Stop(Later("the network does not let this SIM in"), ModemState.DENIED)
            await self._clock.sleep(self._patience.look_s)
        raise _Stop(Later("the modem finds no network"), ModemState.NO_NETWORK)

    async def _measure(self, line: AtLine) -> None:
        """The signal: 0 to 31 are -113 dBm and two more for each step (27.007, 8.5)."""
        found = _found(_SIGNAL, await self._try(line, "AT+CSQ") or [])
        known = found is not None and int(found) != _SIGNAL_UNKNOWN
        self.signal_dbm = 2 * int(found) - 113 if known and found is not None else None

    def _looks(self) -> Iterator[None]:
        """As often as there is time for, at least once."""
        until_ms = self._clock.monotonic_ms() + round(self._patience.register_s * 1000)
        yield
        while self._clock.monotonic_ms() < until_ms:
            yield

    def _on_report(self, digits: str) -> None:
        try:
            self._deliveries.take(status_report(digits))
        except Garbled as error:
            log.warning("sms.report_unreadable", what=str(error))

    def _on_delivery(self, message_id: str, fate: Fate) -> None:
        self.told(message_id, fate)

    async def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    def _show(self, state: ModemState) -> None:
        if state is not self._state:
            self._state = state
            log.info("sms.state", state=state.value, signal_dbm=self.signal_dbm)


def _found(pattern: re.Pattern[str], lines: list[str]) -> str | None:
    """The first group of the last line that is one of these."""
    found = [match[1] for match in map(pattern.fullmatch, lines) if match is not None]
    return found[-1] if found else None


def _nobody(message_id: str, fate: Fate) -> None:
    """Nobody wants to know."""
