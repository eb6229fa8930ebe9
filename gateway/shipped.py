"""Where the shipped data lives: meter profiles, policies, tariffs, calendars, moratoria, scenarios.

`config/` at the top of the tree is the one place of truth. `gateway/_shipped` is a link to it, so a checkout and an
editable install read `config/` itself; a wheel carries a copy in the link's place.
"""

from pathlib import Path

_LINK = Path(__file__).parent / "_shipped"


def folder() -> Path:
    """The folder that holds `gateway.toml`, `meters/`, `policies/`, `tariffs/`, `calendars/`, `moratoria/`, `sim/`.

    Raises FileNotFoundError when this copy of the program came without it (copied by hand, without links).
    """
    if not _LINK.is_dir():
        raise FileNotFoundError(
            f"the shipped meter profiles and policies are missing: {_LINK} is not a folder; "
            "install the whole distribution again (its wheel, or a checkout with `make setup`)"
        )
    return _LINK.resolve()
