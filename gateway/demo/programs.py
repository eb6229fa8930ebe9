"""Child processes of the demonstration: started in a group of their own, always ended, their words kept in a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.demo import broker, tied
from gateway.errors import GatewayError

_STOP_WITHIN_S = 6.0
_READY_WITHIN_S = 20.0
_ANSWER_WITHIN_S = 5.0
_TAIL_LINES = 15


class StageError(GatewayError):
    """A program of the demonstration did not start, or ended when nobody asked it to."""


class Program:
    """One child process. A group of its own keeps the terminal's Ctrl-C away from it: the demonstration ends it."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it; it may not be ready when this returns."""
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *tied.command(*self._arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=self._output(log.fileno()),
                stderr=log,
                start_new_session=True,
            )

    async def stop(self) -> None:
        """End it and everything it started: politely, then without asking. Nothing happens when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_WITHIN_S):  # wait_for of Python 3.11 may swallow a cancellation
                await process.wait()
        except TimeoutError:
            pass
        finally:  # also when the stop itself is interrupted
            _signal_group(process.pid, signal.SIGKILL)
        await process.wait()

    async def ended(self) -> str:
        """Wait until it ends without having been stopped; a sentence for a person."""
        process = self._process
        assert process is not None, f"{self.name} was not started"
        code = await process.wait()
        if self._process is not process:  # stopped on purpose
            await asyncio.Event().wait()
        return f"{self.name} ended with exit code {code}:\n{self.tail()}"

    def tail(self) -> str:
        """The end of what it said."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        return "\n".join(f"  | {line}" for line in lines[-_TAIL_LINES:]) or "  | (it said nothing)"

    def _output(self, log: int) -> int:
        return log


class BrokerProgram(Program):
    """The embedded broker; `start` returns once it accepts connections."""

    def __init__(self, port: int, log: Path) -> None:
        super().__init__("the broker", broker.command(port)[1:], log)
        self.port = port

    async def start(self) -> None:
        """Start and wait. Raises StageError with what it said."""
        await super().start()
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                while self.running and not await self._accepts():  # noqa: ASYNC110 - another process: no event
                    await asyncio.sleep(0.02)
        except TimeoutError:
            await self.stop()
        if not self.running:
            raise StageError(f"the broker did not listen on port {self.port}:\n{self.tail()}")

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True


class Simulator(Program):
    """firmware-sim: `say` sends one control line and gives its answer."""

    def __init__(self, scenario: str, folder: Path, log: Path) -> None:
        super().__init__("firmware-sim", ["-m", "firmware_sim", "run", scenario, "--dir", str(folder)], log)
        self._turn = asyncio.Lock()
        self.lines: dict[str, dict[str, Any]] = {}

    async def start(self) -> None:
        """Start and wait until its lines can be reached (`lines`). Raises StageError with what it said."""
        await super().start()
        try:
            ready = await self._answer(_READY_WITHIN_S)
        except StageError:
            await self.stop()
            raise
        self.lines = {line["id"]: line for line in ready["lines"]}

    async def say(self, line: str) -> dict[str, Any]:
        """One control line, its answer. Raises StageError when it refuses, or does not answer."""
        process = self._process
        if process is None or process.stdin is None:
            raise StageError("firmware-sim does not run")
        async with self._turn:
            try:
                process.stdin.write(f"{line}\n".encode())
                await process.stdin.drain()
            except ConnectionError as error:
                raise StageError(f"firmware-sim is gone:\n{self.tail()}") from error
            answer = await self._answer(_ANSWER_WITHIN_S)
        if not answer["ok"]:
            raise StageError(f"firmware-sim refused {line!r}: {answer['error']}")
        return answer

    async def device(self, device_id: str) -> dict[str, Any]:
        """The physical truth about one device, as the simulator knows it."""
        status = await self.say("status")
        found: dict[str, Any] = next(device for device in status["devices"] if device["id"] == device_id)
        return found

    async def _answer(self, within_s: float) -> dict[str, Any]:
        process = self._process
        assert process is not None, "firmware-sim was not started"
        assert process.stdout is not None, "firmware-sim was started without a pipe"
        try:
            async with asyncio.timeout(within_s):
                line = await process.stdout.readline()
        except TimeoutError as error:
            raise StageError(f"firmware-sim did not answer within {within_s:g} s:\n{self.tail()}") from error
        if not line:
            raise StageError(f"firmware-sim ended:\n{self.tail()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _output(self, log: int) -> int:
        del log
        return asyncio.subprocess.PIPE


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
