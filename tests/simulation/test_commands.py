"""Every command there is gets played: a new one cannot be forgotten by the simulation (issue 4, point 8)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.commands.claims import Command
from gateway.commands.kinds import KINDS
from tests.simulation.incidents import load

HERE = Path(__file__).parent
INCIDENTS = sorted((HERE / "incidents").glob("*.py"))
ACTORS = ("center.py", "claims_office.py", "desk.py")
"""Who signs for an incident: the head-end's sales and reversals, the claims office, the biller's desk."""
SENDS = frozenset({"command", "insist", "sign", "order"})
NOT_BY_AN_INCIDENT = {
    Command.TIME: "the head-end answers each question for the time; incidents make it lie, or silent",
    Command.ACK: "the head-end acknowledges whatever comes; incidents lose, forge and delay it",
    Command.RESEND: "the head-end asks for what is missing; incidents make it miss something",
    Command.ACCOUNT_RESYNC: "a person sends it when the gateway says that its books are old; incidents make them old",
}
"""Commands that follow from what an incident did, with the reason why no incident sends them itself."""


def sent(path: Path) -> Iterator[str]:
    """The names that a file gives to something that signs, directly or in a pair with the body: `("top_up", ...)`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            partly = [one for one in node.args if isinstance(one, ast.Attribute) and one.attr in SENDS]
            if called in SENDS or partly:
                yield from (text for one in node.args for text in _texts(one))
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
            yield from _texts(node.elts[0])


def _texts(node: ast.AST) -> Iterator[str]:
    """The text it is, or those it chooses from."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Call | ast.Tuple):
        for inner in ast.iter_child_nodes(node):
            yield from _texts(inner)


def test_every_command_is_sent_by_some_incident() -> None:
    """S4-01, I14: whatever the gateway can be told, the simulation tells it, well or badly, unless it says why not."""
    load()
    known = {name for path in (*INCIDENTS, *(HERE / actor for actor in ACTORS)) for name in sent(path)}
    missing = {command for command in KINDS if command not in known}
    assert missing <= set(NOT_BY_AN_INCIDENT), f"no incident sends {sorted(missing - set(NOT_BY_AN_INCIDENT))}"


@pytest.mark.parametrize("command", sorted(NOT_BY_AN_INCIDENT))
def test_what_no_incident_sends_is_a_command_and_says_why(command: Command) -> None:
    """The list of exceptions stays true."""
    assert command in KINDS
    assert NOT_BY_AN_INCIDENT[command]


def test_a_command_that_nobody_sends_is_seen(tmp_path: Path) -> None:
    """The test above has teeth: a name in a comment, or given to something else, is not sent."""
    file = tmp_path / "incident.py"
    file.write_text('x("schedule_set")  # document\nworld.center.insist("power_set", {})\n')
    assert set(sent(file)) == {"power_set"}
