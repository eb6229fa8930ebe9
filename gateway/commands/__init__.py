"""Signed commands of the head-end: bytes in, a typed order or a refusal with a reason code out; keys are passed in.

A command is a compact JWS signed with Ed25519. `verify` checks, in this order: size, shape, key, signature, types,
audience, role. What comes out is an `Envelope`; `Order` joins it with the freshness the gateway can judge (decision
17) and makes the event. Replay and sequence need memory, so they are the teller's.
"""

from gateway.commands.claims import MAX_TOKEN_BYTES, Body, Command, Reason
from gateway.commands.envelope import Envelope, verify
from gateway.commands.keys import Key, Keyring, Role
from gateway.commands.link import ReadNow
from gateway.commands.order import Order

__all__ = [
    "MAX_TOKEN_BYTES",
    "Body",
    "Command",
    "Envelope",
    "Key",
    "Keyring",
    "Order",
    "ReadNow",
    "Reason",
    "Role",
    "verify",
]
