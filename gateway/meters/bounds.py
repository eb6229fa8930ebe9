"""What the protocol and common sense allow the numbers of a profile to be, before anything is computed from them.

A profile is a file somebody wrote: a factor of 1e999999999 or a trillion relay channels must be a sentence about a key,
not a start that takes for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.errors import ConfigError
from gateway.meters.registers import type_words

if TYPE_CHECKING:
    from gateway.meters.profile import Profile

WORDS = 0x10000
"""Addresses, and the values of one register, are below it."""
MAX_REGISTERS_PER_WRITE = 123
MAX_BRIDGE = 125
MAX_GAP_MS = 1_000
MAX_SCALE_DIGITS = 12


def check_bounds(profile: Profile, file: str) -> None:
    """Raise ConfigError naming the key of the first number that is out of bounds."""

    def need(holds: bool, key: str, message: str, hint: str = "") -> None:  # noqa: FBT001 - reads as a sentence
        if not holds:
            raise ConfigError(message, file=file, key=key, hint=hint)

    need(0 <= profile.bridge <= MAX_BRIDGE, "bridge", f"must be 0 to {MAX_BRIDGE}")
    need(0 <= profile.min_gap_ms <= MAX_GAP_MS, "min_gap_ms", f"must be 0 to {MAX_GAP_MS}")
    wraps_at_wh = profile.wraps_at_wh
    need(wraps_at_wh is None or 0 < wraps_at_wh < 1 << 63, "wraps_at_wh", "must be above zero and fit 63 bits")
    registers = {f"registers.{name}": register for name, register in profile.registers.items()}
    if profile.limit is not None:
        registers["limit.threshold"] = profile.limit.threshold
    for key, register in registers.items():
        scale = register.scale
        small = scale.is_finite() and len(scale.as_tuple().digits) <= MAX_SCALE_DIGITS
        fits = small and abs(scale.adjusted()) <= MAX_SCALE_DIGITS
        need(fits, f"{key}.scale", f"must be a number of at most {MAX_SCALE_DIGITS} digits", "for example 0.01")
    for key, start, count in _spans(profile):
        need(start >= 0 and start + count <= WORDS, key, f"address {start} is outside 0..65535")
    for key, words in _words(profile):
        need(all(0 <= word < WORDS for word in words), key, "a register holds 0 to 65535")
        need(len(words) <= MAX_REGISTERS_PER_WRITE, key, f"at most {MAX_REGISTERS_PER_WRITE} registers in one write")


def _spans(profile: Profile) -> Iterator[tuple[str, int, int]]:
    """Every stretch of registers or coils that is read or written beside the values: key, first, count."""
    if (serial := profile.serial_number) is not None:
        yield "serial_number.address", serial.address, type_words[serial.type]
    if (switch := profile.switch) is not None:
        yield "switch.address", switch.address, max(len(switch.open), len(switch.closed))
    if (relay := profile.relay) is not None:
        yield "relay.base", relay.base, relay.channels
    if (limit := profile.limit) is not None:
        longest = max(map(len, (*limit.write_on, *limit.write_off)), default=0)
        yield "limit.write_address", limit.write_address, longest
        yield "limit.threshold.address", limit.threshold.address, limit.threshold.words
        yield "limit.enabled_address", limit.enabled_address, 1
        yield "limit.output_address", limit.output_address or 0, 1


def _words(profile: Profile) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every list of words that is written or compared: key, words."""
    if (switch := profile.switch) is not None:
        yield from (("switch.open", switch.open), ("switch.closed", switch.closed))
    if (relay := profile.relay) is not None:
        yield from (("relay.on", (relay.on,)), ("relay.off", (relay.off,)))
    if (limit := profile.limit) is not None:
        for key, writes in (("limit.write_on", limit.write_on), ("limit.write_off", limit.write_off)):
            for words in writes:
                yield key, tuple(0 if word == "threshold" else int(word) for word in words)
