"""Real MQTT brokers on loopback for tests: mosquitto (the reference) and iotcore (the one in the demonstration).

Both have `.start() .stop() .kill() .port .port_v3`; ports stay the same across a restart, so a test can take the
broker away and give it back. mosquitto serves MQTT 5 and 3.1.1 on one port, iotcore on two.
"""

import getpass
import signal
import socket
import subprocess
import time
from pathlib import Path

from gateway.demo import broker as demo_broker
from tests.foreign import program

READY_WITHIN_S = 15.0
_PROJECT = Path(__file__).parent.parent
MOSQUITTO_OPEN = "listener {port} 127.0.0.1\nallow_anonymous true\n"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ChildBroker:
    """A broker in a child process. `port` speaks MQTT 5, `port_v3` MQTT 3.1.1; what it says goes to `log`."""

    def __init__(self, folder: Path, port: int, port_v3: int) -> None:
        self.folder = folder
        self.port = port
        self.port_v3 = port_v3
        self.log = folder / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and return once it accepts connections. Raises RuntimeError with its log if it does not."""
        assert not self.is_running(), "this broker runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=_PROJECT
            )
        deadline_s = time.monotonic() + READY_WITHIN_S
        while not all(_accepts(port) for port in {self.port, self.port_v3}):
            if not self.is_running() or time.monotonic() > deadline_s:
                self.kill()
                raise RuntimeError(f"the broker did not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Ask it to end and wait; mosquitto saves its sessions. Nothing happens when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a chance to save anything."""
        self._end(signal.SIGKILL)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _end(self, with_signal: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(with_signal)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None


class Mosquitto(ChildBroker):
    """mosquitto with a private configuration and its sessions below `folder`.

    `config` replaces the open listener (TLS, passwords, access lists): `{port}` and `{folder}` are filled in.
    """

    def __init__(self, folder: Path, *, config: str = MOSQUITTO_OPEN, port: int | None = None) -> None:
        chosen = port or free_port()
        super().__init__(folder, chosen, chosen)
        self.config = folder / "mosquitto.conf"
        # Without `user`, root's mosquitto becomes another user that may not read the test's folder.
        common = (
            f"user {getpass.getuser()}\npersistence true\npersistence_location {folder}/\n"
            "max_queued_messages 0\nlog_dest stdout\nlog_type all\n"
        )
        filled = config.replace("{port}", str(chosen)).replace("{folder}", str(folder))
        self.config.write_text(common + filled, encoding="utf-8")

    def _command(self) -> list[str]:
        return [str(program("mosquitto")), "-c", str(self.config)]


class Iotcore(ChildBroker):
    """The demonstration's embedded broker; everything it knows is lost when it ends."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, free_port(), free_port())

    def _command(self) -> list[str]:
        return demo_broker.command(self.port, self.port_v3)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
