"""Every error a caller treats differently; an operator reads the message, so each says what, where and what to do.

GatewayError
|-- ConfigError              a file says something impossible; exit 78; changes nothing
|-- MeterError               one exchange with one device failed; caught once, in the bus task
|   |-- MeterSilent          no answer in time, or the port is away
|   |-- MeterAnswerRefused   an answer came and cannot be believed (wrong unit, wrong length)
|   |   `-- DeviceRefuses    the device itself said no (exception code): it is there and works
|   `-- WriteNotConfirmed    a write went out and the read-back does not show it
|-- CommandRefused           a command is not carried out; carries the reason code that is sent back
|-- StoreError               the store cannot say what it holds
|   |-- StoreDamaged         a check failed and no copy can replace the store; start is refused, exit 65
|   `-- CommitUnknown        a COMMIT failed: neither yes nor no; the process ends and decides after re-opening
|-- NotGenuine               a document is not what a gateway signed
`-- LinkError                the head-end cannot be reached; caught once, in the link task
"""

from __future__ import annotations


class GatewayError(Exception):
    """Anything this program raises on purpose."""


class ConfigError(GatewayError):
    """A configuration file was refused: names the file, the key, the value and what would be right."""

    def __init__(self, message: str, *, file: str = "", key: str = "", hint: str = "") -> None:
        self.file = file
        self.key = key
        self.hint = hint
        where = ": ".join(part for part in (file, key) if part)
        text = f"{where}: {message}" if where else message
        super().__init__(f"{text}; {hint}" if hint else text)


class MeterError(GatewayError):
    """One exchange with one device failed; expected on a serial bus, the next poll tries again."""


class MeterSilent(MeterError):
    """No answer within the time allowed, or the port is not there."""


class MeterAnswerRefused(MeterError):
    """An answer arrived that cannot belong to the question or cannot be decoded."""


class DeviceRefuses(MeterAnswerRefused):
    """The device answered with an exception code; also an answer, when the question is who is there."""


class WriteNotConfirmed(MeterError):
    """The device did not show, on read-back, what was written to it."""


class CommandRefused(GatewayError):
    """A command is not carried out; `reason` is the code sent back, `detail` what the sender needs to correct it."""

    def __init__(self, reason: str, **detail: str | int) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(reason + (f" {detail}" if detail else ""))


class StoreError(GatewayError):
    """The store cannot say what it holds."""


class StoreDamaged(StoreError):
    """A check of the store failed: on opening, or of a row that was read later; nothing was changed."""


class CommitUnknown(StoreError):
    """A COMMIT failed, so it may or may not have happened; only re-opening can tell (decision 8)."""


class NotGenuine(GatewayError):
    """A document, or its seal, is not what a gateway signed; the message says what does not fit."""


class LinkError(GatewayError):
    """The head-end cannot be reached or refused the connection; the link task tries again."""
