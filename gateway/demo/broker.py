"""An embedded MQTT broker (iotcore) in a process of its own, for the demonstration and for quick tests.

One listener speaks MQTT 5 and a second, optional one MQTT 3.1.1: iotcore does not speak both on one port. It keeps
everything in memory and checks no client certificates, so it stands in for a broker only where that is enough.

    python -m gateway.demo.broker --port 18830 [--port-v3 18831]

prints `ready` once it accepts connections and runs until it is killed, or until the process that started it is gone.
"""

import argparse
import logging
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

MAX_PAYLOAD_BYTES = 20_480  # iotcore's own default: larger than any message of the contract
_READY_WITHIN_S = 10.0

_ROUTER = """\
id = 0
[router]
id = 0
max_connections = 200
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10
"""
_LISTENER = """\
[{version}.1]
name = "{version}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[{version}.1.connections]
connection_timeout_ms = 5000
max_payload_size = {max_payload_bytes}
max_inflight_count = 100
dynamic_filters = true
"""


def configuration(port: int, port_v3: int | None = None) -> str:
    """The broker's TOML: MQTT 5 on `port`, MQTT 3.1.1 on `port_v3` when given, loopback only."""
    listeners = [("v5", port)] if port_v3 is None else [("v5", port), ("v4", port_v3)]
    return _ROUTER + "".join(
        _LISTENER.format(version=version, port=at, max_payload_bytes=MAX_PAYLOAD_BYTES) for version, at in listeners
    )


def command(port: int, port_v3: int | None = None) -> list[str]:
    """The argument vector that starts this broker as a child process."""
    argv = [sys.executable, "-m", "gateway.demo.broker", "--port", str(port)]
    return argv if port_v3 is None else [*argv, "--port-v3", str(port_v3)]


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until killed; exits by itself when the starting process is gone."""
    from iotcore import Broker  # noqa: PLC0415 - an optional dependency: the rest of this file must import without it

    options = _parser().parse_args(argv)
    # rumqttd reports every packet as an error; only its silence is useful.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    ports = [options.port] if options.port_v3 is None else [options.port, options.port_v3]
    with tempfile.TemporaryDirectory(prefix="demo-broker-") as folder:
        file = Path(folder, "broker.toml")
        file.write_text(configuration(options.port, options.port_v3), encoding="utf-8")
        broker = Broker(config_path=str(file))  # has read the file when it returns
    threading.Thread(target=_announce, args=(ports,), daemon=True).start()
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    broker.run_forever()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.broker", description="An MQTT broker on loopback.")
    parser.add_argument("--port", type=int, required=True, help="MQTT 5")
    parser.add_argument("--port-v3", type=int, help="MQTT 3.1.1, on a port of its own")
    return parser


def _announce(ports: Sequence[int]) -> None:
    deadline_s = time.monotonic() + _READY_WITHIN_S
    while not all(_accepts(port) for port in ports):
        if time.monotonic() > deadline_s:
            sys.stderr.write(f"the broker did not listen on {list(ports)} within {_READY_WITHIN_S:g} s\n")
            os._exit(1)
        time.sleep(0.01)
    print("ready", flush=True)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _leave_with(parent: int) -> None:
    # The native loop never returns to Python, so the process ends from here when its starter was killed.
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    main()
