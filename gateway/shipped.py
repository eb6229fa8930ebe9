"""Where the shipped data lives: meter profiles, policies, tariffs, calendars, scenarios.

`config/` at the top of the tree is the one place of truth. A wheel carries a copy of it inside the package
(`gateway/_shipped`); a checkout and an editable install read `config/` itself. `folder()` tells which.
"""

from pathlib import Path

_PACKAGED = Path(__file__).parent / "_shipped"
_CHECKOUT = Path(__file__).parent.parent / "config"


def folder() -> Path:
    """The folder that holds `gateway.toml`, `meters/`, `policies/`, `tariffs/`, `calendars/`, `sim/`.

    Raises FileNotFoundError when this copy of the program has neither form: it was copied by hand, incompletely.
    """
    for candidate in (_PACKAGED, _CHECKOUT):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"the shipped profiles are missing: neither {_PACKAGED} nor {_CHECKOUT} exists; "
        "install the whole distribution again (wheel, or checkout with `make setup`)"
    )
