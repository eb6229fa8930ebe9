"""A GSM modem as it behaves on a serial line: AT commands in, answers and unsolicited lines out (27.005, 27.007).

It starts like one out of the box: echo on, text mode, bare ERROR. It knows nothing of wires: bytes come by `hear`, and
go by the function it is given, each piece with a delay in seconds.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from firmware_sim.clock import NS_PER_MS, NS_PER_S
from firmware_sim.control import NETWORKS, REPORTS
from firmware_sim.faults import FaultSet, Kind
from firmware_sim.sms import Part, PduError, Telephone, read_submit, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware_sim.clock import Clock
    from firmware_sim.plant import ModemSpec

FAULTS = frozenset(
    {Kind.SILENCE, Kind.REBOOT, Kind.MUTE, Kind.LATE, Kind.STALE, Kind.GARBAGE, Kind.EXCEPTION, Kind.CMS, Kind.CHATTER}
)
_REGISTERED = frozenset({"home", "roaming", "lte"})
_PIN_TRIES = 3
_LONGEST_LINE = 1024
_END, _CANCEL, _ENTER = 0x1A, 0x1B, 0x0D
_CHATTER = ("RING", "+CREG: 5", '+CMTI: "SM",3', "^RSSI:19", "+CUSD: 2", "*PSUTTZ: 26/11/23,01:36:59")
_SIM_PIN, _SIM_PUK, _NO_SIM = (11, 311), (12, 316), (10, 310)
_NO_NETWORK, _BAD_PDU, _WRONG_PIN, _NOT_ALLOWED, _NOT_NOW = 331, 304, 16, 3, 302


class Modem:
    """One modem with its SIM and its network; `telephone` is everybody it can reach."""

    def __init__(self, spec: ModemSpec, clock: Clock, say: Callable[[bytes, float], None], *, seed: int = 0) -> None:
        self.id = spec.id
        self.faults = FaultSet()
        self.network = spec.network
        self.reports = spec.reports
        self.pin_tries: list[str] = []
        """Each PIN that was entered, right or wrong."""
        self.parts: list[Part] = []
        """Each part that the network took, in order."""
        self.misread: list[str] = []
        """What was handed over for sending and is no PDU."""
        self.lines: list[str] = []
        """Each command line that was heard."""
        self.telephone = Telephone()
        self.sim_wakes = 0
        """How many more times a SIM that took its PIN still says that it wants it."""
        self._spec = spec
        self._clock = clock
        self._say = say
        self._random = random.Random(seed)
        self._tries_left = _PIN_TRIES
        self._reference = spec.reference
        self._previous = b""
        self.restart()

    def restart(self) -> None:
        """Power off and on: every setting is lost, the SIM asks for its PIN again; its count of tries stays."""
        self._echo, self._errors, self._pdu_mode, self._reporting = True, 0, False, False
        self._ready = not self._spec.pin
        self._buffer = bytearray()
        self._announced: int | None = None

    def hear(self, data: bytes) -> None:
        """Bytes from the line."""
        now_ns = self._clock.now_ns()
        if self.faults.active(Kind.SILENCE, now_ns) or self.faults.active(Kind.REBOOT, now_ns):
            return
        for byte in data:
            if self._echo:
                self._say(bytes((byte,)), 0.0)
            if self._announced is None:
                self._command_byte(byte)
            else:
                self._body_byte(byte)

    def unsolicited(self, line: str) -> None:
        """A line that nobody asked for."""
        self._say(f"\r\n{line}\r\n".encode("latin-1"), 0.0)

    def babble(self, count: int) -> None:
        """So many bytes that mean nothing."""
        self._say(self._random.randbytes(count), 0.0)

    def status(self) -> dict[str, object]:
        """Everything a person wants to see, as JSON values."""
        return {
            "id": self.id,
            "model": "modem",
            "network": self.network,
            "reports": self.reports,
            "pin": self._sim_state(),
            "pin_tries_left": self._tries_left,
            "parts": len(self.parts),
            "misread": len(self.misread),
            "faults": self.faults.describe(self._clock.now_ns()),
        }

    def messages(self) -> list[dict[str, object]]:
        """What arrived, whole and decoded."""
        return [{"to": to, "text": text} for to, text in self.telephone.messages]

    def _command_byte(self, byte: int) -> None:
        if byte == _CANCEL:
            self._buffer.clear()
        elif byte != _ENTER:
            self._buffer.append(byte)
            del self._buffer[_LONGEST_LINE:]
        else:
            line = self._buffer.decode("latin-1").strip()
            self._buffer.clear()
            if line:
                self.lines.append(line)
                self._obey(line)

    def _body_byte(self, byte: int) -> None:
        if byte not in (_END, _CANCEL):
            self._buffer.append(byte)
            del self._buffer[_LONGEST_LINE:]
            return
        body, announced = self._buffer.decode("latin-1").strip(), self._announced or 0
        self._buffer.clear()
        self._announced = None
        if byte == _CANCEL:
            self._answer("OK")
        else:
            self._submit(body, announced)

    def _obey(self, line: str) -> None:
        command = line.upper()
        if not command.startswith("AT"):
            self._answer("ERROR")
            return
        spoilt = self.faults.use(Kind.EXCEPTION, self._clock.now_ns())
        if spoilt is not None:
            self._refuse("CME", spoilt.value)
        elif command.startswith("AT+CMGS="):
            self._announce(command[8:])
        elif command.startswith("AT+CPIN="):
            self._enter_pin(line[8:].strip('"'))
        elif command in ("ATZ", "AT&F"):
            ready = self._ready
            self.restart()
            self._ready = ready
            self._answer("OK")
        else:
            self._setting(command)

    def _setting(self, command: str) -> None:
        name, _, value = command[2:].partition("=")
        match name:
            case "" | "+CSMS" | "+CREG" if name == "" or value:
                self._answer("OK")
            case "E0" | "E1":
                self._echo = name == "E1"
                self._answer("OK")
            case "+CMEE" if value in ("0", "1"):
                self._errors = int(value)
                self._answer("OK")
            case "+CMGF" if value in ("0", "1"):
                self._pdu_mode = value == "0"
                self._answer("OK")
            case "+CNMI" if self._spec.takes_cnmi and re.fullmatch(r"[0-3],[0-3],[0-3],[0-2],[01]", value):
                self._reporting = value.split(",")[3] == "1"
                self._answer("OK")
            case "+CPIN?":
                state = self._sim_state()
                self.sim_wakes -= self._ready and self.sim_wakes > 0
                self._refuse("CME", _NO_SIM[0]) if state == "NOT INSERTED" else self._answer(f"+CPIN: {state}", "OK")
            case "+CREG?":
                self._answer(f"+CREG: 0,{NETWORKS[self.network]}", "OK")
            case "+CEREG?" if self.network == "lte":
                self._answer("+CEREG: 0,1", "OK")
            case "+CSQ":
                self._answer("+CSQ: 99,99" if self.network == "none" else "+CSQ: 21,0", "OK")
            case _:
                self._refuse("CME", _NOT_ALLOWED)

    def _sim_state(self) -> str:
        if not self._spec.sim:
            return "NOT INSERTED"
        if self._ready and not self.sim_wakes:
            return "READY"
        return "SIM PIN" if self._tries_left else "SIM PUK"

    def _enter_pin(self, pin: str) -> None:
        if self._sim_state() != "SIM PIN":
            self._refuse("CME", _NOT_ALLOWED)
            return
        self.pin_tries.append(pin)
        if pin == self._spec.pin:
            self._ready, self._tries_left = True, _PIN_TRIES
            self._answer("OK")
            return
        self._tries_left -= 1
        self._refuse("CME", _WRONG_PIN if self._tries_left else _SIM_PUK[0])

    def _announce(self, octets: str) -> None:
        refusals = {"SIM PIN": _SIM_PIN[1], "SIM PUK": _SIM_PUK[1], "NOT INSERTED": _NO_SIM[1]}
        refusal = refusals.get(self._sim_state())
        if refusal is not None:
            self._refuse("CMS", refusal)
        elif not re.fullmatch(r"[0-9]{1,3}", octets):
            self._refuse("CMS", _NOT_NOW if self._pdu_mode else _BAD_PDU)
        else:
            self._announced = int(octets)
            self._answer("> ", bare=True)

    def _submit(self, body: str, announced: int) -> None:
        refused = self.faults.use(Kind.CMS, self._clock.now_ns())
        if refused is not None:
            self._refuse("CMS", refused.value)
            return
        try:
            if not self._pdu_mode:
                raise PduError("text mode")
            part = read_submit(bytes.fromhex(body), announced)
        except ValueError as error:
            self.misread.append(f"{error}: {body[:400]}")
            self._refuse("CMS", _BAD_PDU)
            return
        if self.network not in _REGISTERED:
            self._refuse("CMS", _NO_NETWORK)
            return
        reference, self._reference = self._reference, (self._reference + 1) % 256
        self.parts.append(part)
        self.telephone.take(part)
        self._answer(f"+CMGS: {reference}", "OK")
        if part.report and self._reporting and self.reports in REPORTS:
            unix_s = self._clock.started_unix_s() + self._clock.now_ns() // NS_PER_S
            octets, digits = report(reference, part.to, REPORTS[self.reports], unix_s)
            self._say(f"\r\n+CDS: {octets}\r\n{digits}\r\n".encode(), self._late_s)

    def _refuse(self, family: str, code: int) -> None:
        self._answer(f"+{family} ERROR: {code}" if self._errors else "ERROR")

    def _answer(self, *lines: str, bare: bool = False) -> None:
        """Say these lines, with whatever is wrong with the modem at the moment."""
        now_ns = self._clock.now_ns()
        data = f"\r\n{lines[0]}".encode() if bare else "".join(f"\r\n{line}\r\n" for line in lines).encode()
        previous, self._previous = self._previous, data
        late = self.faults.use(Kind.LATE, now_ns)
        self._late_s = late.value * NS_PER_MS / NS_PER_S if late else 0.0
        if self.faults.use(Kind.MUTE, now_ns):
            return
        if self.faults.use(Kind.STALE, now_ns):
            data = previous
        elif self.faults.use(Kind.GARBAGE, now_ns):
            data = self._random.randbytes(40)
        elif self.faults.use(Kind.CHATTER, now_ns):
            noise = [f"\r\n{line}\r\n".encode() for line in self._random.sample(_CHATTER, 3)]
            data = noise[0] + noise[1] + data + (b"" if bare else noise[2])
        self._say(data, self._late_s)
