"""What an error of a modem or of the network means for a message: try again, or this number cannot be reached.

The numbers are those of 3GPP TS 27.005 (3.2.5), 24.011 (E-2) and 23.040 (9.2.3.22) for +CMS, of 27.007 (9.2) for +CME.
Only what the network says of the number itself is for good. All else is about us, the SIM or the moment.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.alerts.channel import Later, Never


class ModemState(StrEnum):
    """What a technician should know of the modem."""

    UNUSED = ""
    OK = "ok"
    NO_PORT = "no_port"
    SILENT = "silent"
    NO_SIM = "no_sim"
    PIN_NEEDED = "pin_needed"
    PIN_REFUSED = "pin_refused"
    SIM_LOCKED = "sim_locked"
    NO_NETWORK = "no_network"
    DENIED = "denied"
    REFUSED = "refused"


_NEVER = {
    1: "the number is not assigned to anybody",
    195: "the service centre knows no such number",
    196: "the service centre may not send to this number",
}
_UNSURE = {332: "the network took too long"}
_LATER = {
    8: "the operator bars messages from this SIM",
    10: "the operator bars calls from this SIM",
    21: "the network rejected the message",
    22: "the memory is full",
    27: "the telephone is not reachable",
    28: "the network does not know this SIM",
    30: "the network does not know the subscriber",
    38: "the network is out of order",
    41: "a temporary failure of the network",
    42: "the network is congested",
    47: "the network has no resources left",
    50: "this SIM has no messages in its contract",
    69: "the network has no messages",
    192: "the service centre is busy",
    193: "this SIM has no contract with the service centre",
    194: "the service centre failed",
    208: "the SIM has no room for messages",
    304: "the modem did not understand the message",
    314: "the SIM is busy",
    322: "the memory is full",
    330: "the modem does not know its service centre",
}
_STATES = {
    ModemState.NO_SIM: {("CME", 10), ("CME", 13), ("CME", 15), ("CMS", 310), ("CMS", 313), ("CMS", 315)},
    ModemState.PIN_NEEDED: {("CME", 11), ("CMS", 311)},
    ModemState.SIM_LOCKED: {("CME", code) for code in (5, 6, 7, 12, 17, 18)} | {("CMS", 316), ("CMS", 312)},
    ModemState.NO_NETWORK: {("CME", 30), ("CME", 31), ("CMS", 38), ("CMS", 331), ("CMS", 332)},
}
_WORDS = {
    ModemState.NO_SIM: "the modem has no SIM that works",
    ModemState.PIN_NEEDED: "the SIM asks for its PIN",
    ModemState.SIM_LOCKED: "the SIM is locked",
    ModemState.NO_NETWORK: "the modem has no network",
}
BUSY = (("CME", 14), ("CMS", 314))
"""A SIM that is still starting."""


def verdict(family: str, code: int) -> Later | Never:
    """What an error means for the message that met it."""
    name = f"{family} {code}" if family else "ERROR"
    if family == "CMS" and code in _NEVER:
        return Never(f"{_NEVER[code]} ({name})")
    if family == "CMS" and code in _UNSURE:
        return Later(f"{_UNSURE[code]} ({name})", may_have_gone=True)
    state = state_of(family, code)
    told = _LATER.get(code) if family == "CMS" else None
    return Later(f"{told or _WORDS.get(state, 'the modem refused')} ({name})")


def state_of(family: str, code: int) -> ModemState:
    """What it says of the modem."""
    return next((state for state, errors in _STATES.items() if (family, code) in errors), ModemState.REFUSED)
