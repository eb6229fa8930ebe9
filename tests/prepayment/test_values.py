"""What the rules and the commands pass on are values: nobody who holds one can change it under another's feet."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import msgspec
import pytest

import gateway.clock
import gateway.commands
import gateway.headend.timesync
import gateway.prepayment

PACKAGES = (gateway.commands, gateway.prepayment)
MODULES = (gateway.clock, gateway.headend.timesync)


def _types() -> Iterator[type]:
    names = [
        f"{package.__name__}.{info.name}" for package in PACKAGES for info in pkgutil.iter_modules(package.__path__)
    ]
    for module in (*MODULES, *map(importlib.import_module, names)):
        for _, found in inspect.getmembers(module, inspect.isclass):
            if found.__module__ == module.__name__:
                yield found


TYPES = list(_types())
DATACLASSES = [found for found in TYPES if dataclasses.is_dataclass(found)]
STRUCTS = [found for found in TYPES if issubclass(found, msgspec.Struct)]


@pytest.mark.parametrize("found", DATACLASSES, ids=lambda found: f"{found.__module__}.{found.__name__}")
def test_what_the_rules_know_is_never_changed_in_place(found: type) -> None:
    """Decision 2: a step gives a new account and leaves the old one as it was; so a failed commit changes nothing."""
    assert found.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(found)


@pytest.mark.parametrize("found", STRUCTS, ids=lambda found: f"{found.__module__}.{found.__name__}")
def test_what_was_signed_is_never_changed_and_never_guessed(found: type[msgspec.Struct]) -> None:
    """I14: the body that was verified is the body that is carried out, and a field nobody knows is refused."""
    assert found.__struct_config__.frozen
    assert found.__struct_config__.forbid_unknown_fields
