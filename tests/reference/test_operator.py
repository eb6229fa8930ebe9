"""`headend` as an operator types it, on a real broker: sales that wait, no broker, a needless resync."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gateway.reference.cli import main
from gateway.reference.sign import save_private
from tests.brokers import Mosquitto, free_port
from tests.headend.world import GATEWAY, World


class Desk:
    """An operator's key and book, known to a gateway that may or may not run."""

    def __init__(self, folder: Path, port: int) -> None:
        self.world = World(folder, port)
        self.port = port
        self.private = folder / "private.pem"
        save_private(self.world.signer, self.private)

    def run(self, *words: str, timeout_s: str = "5", port: int = 0) -> int:
        """One command."""
        names = ["--private", str(self.private), "--kid", "k1", "--issuer", "utility", "--gateway", GATEWAY]
        return main([*words, *names, "--port", str(port or self.port), "--timeout", timeout_s])

    def beside_gateway(self, *commands: tuple[str, ...]) -> list[int]:
        """The commands one after the other while the gateway runs."""

        async def serve() -> list[int]:
            async with self.world.gateway():
                return [await asyncio.to_thread(self.run, *words) for words in commands]

        return asyncio.run(serve())


@pytest.fixture
def desk(mosquitto: Mosquitto, tmp_path: Path) -> Desk:
    """An operator whose gateway is away."""
    return Desk(tmp_path, mosquitto.port)


def test_another_amount_after_silence_is_sold_behind_the_first_one(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Decision 4, I3: the sale that got no answer is settled first and told; then the new amount is sold, once."""
    assert desk.run("topup", "CH-1", "5.00", timeout_s="0.3") == 3
    capsys.readouterr()
    assert desk.beside_gateway(("topup", "CH-1", "7.00")) == [0]
    said = capsys.readouterr()
    assert "the sale of 5.00 that got no answer is sent again" in said.err
    assert "it was applied" in said.err
    verdict = next(json.loads(line) for line in reversed(said.out.splitlines()) if '"balance"' in line)
    assert verdict["balance"] == "32.00"


def test_a_resync_that_nobody_needs_changes_nothing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """I23, threat 3: a gateway under no suspicion refuses it, and the operator's command says so by its exit code."""
    assert desk.beside_gateway(("watch", "--seconds", "1"), ("resync", "CH-1")) == [0, 1]
    assert '"refused"' in capsys.readouterr().out


def test_who_watches_and_saves_has_a_folder_of_documents(desk: Desk, tmp_path: Path) -> None:
    """S2-12: `watch --save` of a gateway that sends no document ends well and writes none."""
    folder = tmp_path / "documents"
    folder.mkdir()
    assert desk.beside_gateway(("watch", "--seconds", "0.5", "--save", str(folder))) == [0]
    assert list(folder.iterdir()) == []


def test_a_broker_that_is_not_there_is_told_once(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Decision 18: the attempts go on, the operator reads the one sentence that says why."""
    port = free_port()
    desk.run("watch", "--seconds", "2", port=port)
    told = [line for line in capsys.readouterr().err.splitlines() if "nothing listens there" in line]
    assert told == [
        f"head-end broker 127.0.0.1:{port}: nothing listens there; check host and port, and that the broker runs"
    ]
