"""Values on a command line that may begin with a hyphen: keys and challenges are base64url, one in 64 does."""

from __future__ import annotations

from collections.abc import Sequence


def joined(arguments: Sequence[str], *options: str) -> list[str]:
    """The arguments with `--key -abc` as `--key=-abc`, which argparse would otherwise take for an option."""
    found: list[str] = []
    for word in arguments:
        if found and found[-1] in options:
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found
