"""A serial port as a line: ours alone, raw, and gone at a break or when the carrier drops.

The kernel marks a break and a byte with a parity error in the bytes themselves (PARMRK, termios(3)), so that both are
told from a zero byte; a byte with an error is dropped, a break ends the session as a hang-up does.
"""

from __future__ import annotations

import termios
from contextlib import suppress

import serial

from gateway.terminal.faults import fault
from gateway.terminal.line import WEDGED_S, Gone, read_some, write_all
from gateway.terminal.verbs import Refused

_MARK = 0xFF


class Marks:
    """Undo the kernel's marking: bytes as they were sent; Gone at a break."""

    def __init__(self) -> None:
        self._held = b""

    def take(self, data: bytes) -> bytes:
        """FF FF is a byte FF, FF 00 00 a break, FF 00 x a byte x with an error."""
        data = self._held + data
        out = bytearray()
        at = 0
        while at < len(data):
            mark = data[at : at + 3]
            if data[at] != _MARK:
                out.append(data[at])
                at += 1
            elif mark[1:2] == b"\xff":
                out.append(_MARK)
                at += 2
            elif mark[1:2] not in {b"", b"\x00"}:
                at += 1  # no mark the kernel makes: noise
            elif len(mark) < 3:
                break
            elif mark[2]:
                at += 3
            else:
                self._held = b""
                raise Gone("a break on the line")
        self._held = data[at:]
        return bytes(out)


class Port:
    """A person at the other end of a serial cable."""

    person = True
    newline = b"\r\n"

    def __init__(self, port: serial.Serial, *, seven_bits: bool, wedged_s: float = WEDGED_S) -> None:
        self._port = port
        self._marks = Marks()
        self._seven_bits = seven_bits
        self._wedged_s = wedged_s
        self._carrier = False
        flags = termios.tcgetattr(port.fileno())
        flags[0] = (flags[0] | termios.PARMRK | (termios.INPCK if port.parity != "N" else 0)) & ~(
            termios.IGNBRK | termios.BRKINT | termios.IGNPAR
        )
        termios.tcsetattr(port.fileno(), termios.TCSANOW, flags)

    def fileno(self) -> int:
        """The port."""
        return int(self._port.fileno())

    def read(self, seconds: float) -> bytes:
        """What was typed; Gone at a break, or when a carrier that was there is not any more."""
        data = self._marks.take(read_some(self.fileno(), seconds))
        if not data and seconds > 0:
            self._watch_carrier()
        return bytes(byte & 0x7F for byte in data) if self._seven_bits else data

    def write(self, data: bytes) -> None:
        """Send all of it, as fast as the line and its flow control let us."""
        write_all(self.fileno(), data, self._wedged_s)

    def close(self) -> None:
        """Drop what was not sent (nobody would read it, and closing would wait for it), and give the port back."""
        with suppress(termios.error, OSError, serial.SerialException):
            self._port.reset_output_buffer()
        with suppress(termios.error, OSError, serial.SerialException):
            self._port.close()

    def _watch_carrier(self) -> None:
        try:
            carrier = bool(self._port.cd)
        except OSError:
            return  # no modem lines here: three wires, or a pseudo terminal
        if self._carrier and not carrier:
            raise Gone("the carrier dropped")
        self._carrier = carrier


def open_port(device: str, baud: int, framing: str = "8N1", flow: str = "none", *, wedged_s: float = WEDGED_S) -> Port:
    """Open a port for ourselves alone; Refused when that cannot be."""
    try:
        port = serial.Serial(
            device,
            baudrate=baud,
            bytesize=int(framing[0]),
            parity=framing[1],
            stopbits=int(framing[2]),
            xonxoff=flow == "xonxoff",
            rtscts=flow == "rtscts",
            timeout=0,
            exclusive=True,
        )
    except (serial.SerialException, ValueError, OSError) as error:
        raise Refused(*fault("port_unusable", port=device, complaint=str(error)[:200])) from error
    try:
        return Port(port, seven_bits=framing[0] == "7", wedged_s=wedged_s)
    except (termios.error, OSError) as error:
        port.close()
        raise Refused(*fault("port_unusable", port=device, complaint=str(error)[:200])) from error
