"""The fuzz of the console has teeth: a privilege gained, one refused, and an action nobody has thought of are seen."""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import pytest

from gateway.console.actions import ACTIONS
from gateway.console.desk import Action
from gateway.console.wire import Role
from tests.fuzz.site import gateway
from tests.fuzz.targets import console_line
from tests.simulation import who_may
from tests.simulation.who_may import RANKS, Touches


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_who_may_what_is_as_it_was_written_down(name: str) -> None:
    """I14: the role and the proof of each action are those of the requirements, read by somebody else."""
    action, known = ACTIONS[name], who_may.ACTIONS[name]
    assert (action.role.value, action.proven) == (known.role, known.proven)


def test_nothing_is_written_down_that_is_not_there() -> None:
    """The list of who may what stays true."""
    assert set(who_may.ACTIONS) == set(ACTIONS)
    assert set(who_may.ORDERS) <= set(ACTIONS)
    assert tuple(role.value for role in Role) == RANKS


def test_what_changes_supply_or_money_needs_a_code() -> None:
    """I14: without a one-time code nothing of it but what proves itself, and towards less for safety alone."""
    for name, may in who_may.ACTIONS.items():
        if may.touches in (Touches.SUPPLY, Touches.MONEY):
            assert may.proven or may.itself or may.safety, name
    assert [name for name, may in who_may.ACTIONS.items() if may.safety] == ["safety.on"]


def _without_role(action: Action) -> Action:
    return Action(action.name, Role.NOBODY, action.run, action.body, action.proven)


def _without_proof(action: Action) -> Action:
    return Action(action.name, action.role, action.run, action.body)


@pytest.mark.parametrize(
    ("loosened", "who", "do", "args"),
    [
        (_without_role, "nobody", "account.list", {}),
        (_without_proof, "technician", "override.end", {"account": "A1", "reason": "mine"}),
    ],
)
def test_a_privilege_gained_is_found(
    loosened: Callable[[Action], Action], who: str, do: str, args: dict[str, str]
) -> None:
    """I14: a check left out at the desk is a finding, whether the ask is answered or refused by the books."""
    others = {name: loosened(action) for name, action in ACTIONS.items()}
    line = gateway().line(who)
    with mock.patch("gateway.console.server.ACTIONS", others), pytest.raises(AssertionError, match="was "):
        line.ask(do, args)


def test_lines_reach_the_daemon_and_come_back() -> None:
    """I21: a typed verb is answered, one above the role is refused, and nonsense is counted as a line."""
    before = console_line.count.asks
    console_line.check(b"\x02account list\rstatus\rsafety off A1 mine\ry\r")
    console_line.check(b"\x80{]\n\n" + b'{"id":1,"do":"status"}')
    assert console_line.count.asks >= before + 5
    assert console_line.count.barred
