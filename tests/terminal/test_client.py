"""The terminal's end of the wire against a daemon that hangs: every wait ends, and says what is known."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.console.wire import LINE_MAX_BYTES, Answer
from gateway.terminal.client import Away, Client
from gateway.terminal.verbs import Refused
from tests.terminal.daemon import FakeDaemon


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[Client]:
    """A client of a daemon that takes the connection and never reads."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "c.sock"))
        listening.listen(1)
        client = Client(tmp_path / "c.sock")
        yield client
        client.close()


def test_a_daemon_that_hangs_is_not_waited_for_for_ever(deaf: Client) -> None:
    """I20, I21: an answer is late; once nothing more can be sent, nobody knows what was done: the line is closed."""
    refusals: list[Refused] = []
    while deaf.connected or not refusals:
        with pytest.raises(Refused) as caught:
            deaf.ask("echo", {"text": "x" * (LINE_MAX_BYTES - 100)}, within_s=0.3)
        refusals.append(caught.value)
        assert len(refusals) < 50
    *late, last = refusals
    assert {refusal.code for refusal in late} == {"E-LNK-04"}
    assert isinstance(last, Away)
    assert last.code == "E-LNK-03"


def test_what_is_longer_than_a_line_of_the_wire_is_not_sent(deaf: Client) -> None:
    """I21: refused here with its code; the connection is as good as before."""
    with pytest.raises(Refused) as caught:
        deaf.ask("echo", {"text": "x" * LINE_MAX_BYTES})
    assert caught.value.code == "E-KEY-08"
    assert deaf.connected


def test_a_line_that_was_never_made_has_ended(deaf: Client) -> None:
    """Decision 18: asked about a connection that is not there, the client says so and gives nothing to wait for."""
    assert deaf.ended()
    assert deaf.fileno() is None
    assert deaf.parting() is None
    deaf.connect()
    assert not deaf.ended()
    assert deaf.fileno() is not None


def test_a_late_answer_is_thrown_away_by_the_next_look(daemon: FakeDaemon) -> None:
    """I21: what comes for an ask that was given up answers nothing else."""
    daemon.replies["rows"] = lambda ask: None
    client = Client(daemon.path)
    with pytest.raises(Refused) as caught:
        client.ask("rows", {}, within_s=0.1)
    assert caught.value.code == "E-LNK-04"
    daemon._open[0].sendall(b'{"id":1,"ok":true,"data":{"count":9}}\n')
    assert not client.ended()
    assert client.ask("echo", {"text": "hello"}) == {"text": "hello"}
    client.close()
    client.close()
    assert not client.connected


def test_an_answer_that_is_no_table_is_still_an_answer(daemon: FakeDaemon) -> None:
    """I21: a newer daemon may answer with a list; nothing here falls over it."""
    daemon.replies["echo"] = lambda ask: Answer(ask.id, ok=True, data=[1, 2])
    client = Client(daemon.path)
    assert client.ask("echo", {}) == {"data": [1, 2]}
    client.close()
