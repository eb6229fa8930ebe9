"""The switch that cuts and restores a supply: a relay in the meter, or an output (relay board, digital output).

A write goes out once and the position is read back; it is the read-back that counts. Wiring decides what an output
means: `energised = "open"` is a contactor whose coil opens the supply, `"closed"` one whose coil closes it.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, Protocol, TypeVar

from gateway.clock import Clock
from gateway.errors import MeterError, MeterSilent, WriteNotConfirmed
from gateway.meters import profile as profiles
from gateway.meters.breaker import Breaker
from gateway.meters.modbus import ModbusLink
from gateway.prepayment.supply import SwitchState

Energised = Literal["open", "closed"]

_SILENT_RELAY_LONGEST_MS = 30_000
_T = TypeVar("_T")


class SwitchDriver(Protocol):
    """Moves and reads one switch."""

    async def read(self) -> SwitchState | None:
        """The position as the device shows it; None when it shows neither (not under our control)."""
        ...

    async def set(self, state: SwitchState) -> None:
        """Write once, read back; `WriteNotConfirmed` when another position is shown."""
        ...

    def wake(self) -> None:
        """Forget back-offs."""
        ...


class MeterSwitch:
    """The relay inside a meter, moved by words of the profile."""

    def __init__(self, link: ModbusLink, unit: int, model: profiles.Profile) -> None:
        if model.switch is None:
            raise ValueError(f"{model.model} has no [switch]")
        self._link = link
        self._unit = unit
        self._switch = model.switch
        self._forbidden = frozenset(model.forbidden_writes)
        self._by_words = {
            model.switch.open: SwitchState.DISCONNECTED,
            model.switch.closed: SwitchState.CONNECTED,
        }

    def decode(self, words: tuple[int, ...]) -> SwitchState | None:
        """The position that these words show."""
        return self._by_words.get(words)

    async def read(self) -> SwitchState | None:
        """See `SwitchDriver`."""
        count = len(self._switch.open)
        payload = await self._link.read(self._unit, self._switch.fc_read, self._switch.address, count)
        return self.decode(struct.unpack(f">{count}H", payload))

    async def set(self, state: SwitchState) -> None:
        """See `SwitchDriver`."""
        words = self._switch.closed if state is SwitchState.CONNECTED else self._switch.open
        await write_words(self._link, self._unit, self._switch.fc_write, self._switch.address, words, self._forbidden)
        shown = await self.read()
        if shown is not self._by_words[words]:
            raise WriteNotConfirmed(
                f"bus {self._link.bus_id} unit {self._unit}: switch was told {self._by_words[words]}, shows {shown}"
            )

    def wake(self) -> None:
        """The meter's own back-off is the bus task's."""


class OutputSwitch:
    """A contactor behind an output of a relay board or of a meter, maybe on another bus."""

    def __init__(
        self, link: ModbusLink, unit: int, model: profiles.Profile, channel: int, energised: Energised
    ) -> None:
        relay = model.relay
        if relay is None or not 0 <= channel < relay.channels:
            raise ValueError(f"{model.model} has no output {channel}")
        self._link = link
        self._unit = unit
        self._relay = relay
        self._address = relay.base + channel
        self._energised_is_open = energised == "open"
        self._forbidden = frozenset(model.forbidden_writes)

    async def read(self) -> SwitchState | None:
        """See `SwitchDriver`."""
        energised = await self._read_output()
        if energised is None:
            return None
        return SwitchState.DISCONNECTED if energised == self._energised_is_open else SwitchState.CONNECTED

    async def set(self, state: SwitchState) -> None:
        """See `SwitchDriver`."""
        on = (state is not SwitchState.CONNECTED) == self._energised_is_open
        if self._relay.fc_write == 5:
            await self._link.write_coil(self._unit, self._address, on=on)
        else:
            word = self._relay.on if on else self._relay.off
            await write_words(self._link, self._unit, self._relay.fc_write, self._address, (word,), self._forbidden)
        if (shown := await self._read_output()) is not on:
            name = f"bus {self._link.bus_id} unit {self._unit} output {self._address}"
            raise WriteNotConfirmed(f"{name}: was switched {_word(on)}, shows {_word(shown)}")

    def wake(self) -> None:
        """Nothing to forget: `SparedSwitch` does that."""

    async def _read_output(self) -> bool | None:
        payload = await self._link.read(self._unit, self._relay.fc_read, self._address, 1)
        if self._relay.fc_read in (1, 2):
            return bool(payload[0] & 1)
        word = int.from_bytes(payload, "big")
        return {self._relay.on: True, self._relay.off: False}.get(word)


class SparedSwitch:
    """A switch that sits in another device than the meter, or beside its registers.

    When that device is silent it is left alone for a while (at most half a minute), so that it does not cost its bus a
    timeout in every poll of the meter; `wake` ends that.
    """

    def __init__(self, switch: SwitchDriver, clock: Clock, period_ms: int, *, elsewhere: bool) -> None:
        self.elsewhere = elsewhere
        """It sits in another device, which may answer although the meter is silent."""
        self._switch = switch
        self._clock = clock
        self._breaker = Breaker(period_ms, longest_ms=_SILENT_RELAY_LONGEST_MS)
        self._trouble = ""

    async def read(self) -> SwitchState | None:
        """See `SwitchDriver`."""
        return await self._spared(self._switch.read)

    async def set(self, state: SwitchState) -> None:
        """See `SwitchDriver`."""
        await self._spared(partial(self._switch.set, state))

    def wake(self) -> None:
        """See `SwitchDriver`."""
        self._breaker.wake()

    async def _spared(self, exchange: Callable[[], Awaitable[_T]]) -> _T:
        """Run the exchange unless the device is being left alone, and remember how it went."""
        if wait_ms := self._breaker.wait_ms(self._clock.monotonic_ms()):
            raise MeterSilent(f"{self._trouble}; next try in {wait_ms / 1000:.0f} s")
        try:
            result = await exchange()
        except WriteNotConfirmed:
            self._breaker.answered()
            raise
        except MeterError as error:
            self._breaker.failed(self._clock.monotonic_ms())
            self._trouble = str(error)
            raise
        self._breaker.answered()
        return result


async def write_words(
    link: ModbusLink, unit: int, fc: int, address: int, words: tuple[int, ...], forbidden: frozenset[int]
) -> None:
    """The only way register words leave this package: a register the profile forbids is never written.

    Raises `PermissionError` before anything is sent: it is a defect of the program, not of the line.
    """
    hit = forbidden.intersection(range(address, address + len(words)))
    if hit:
        raise PermissionError(f"register {min(hit)} of unit {unit} must never be written (forbidden_writes)")
    if fc == 6:
        if len(words) != 1:
            raise ValueError("function 6 writes one register")
        await link.write_register(unit, address, words[0])
    else:
        await link.write_registers(unit, address, words)


def _word(on: bool | None) -> str:  # noqa: FBT001 - its only meaning
    return {True: "on", False: "off", None: "neither on nor off"}[on]
