"""The whole daemon with a modem: low credit reaches the telephone, and a modem that hangs holds nobody."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from firmware_sim.simulation import Simulation
from tests.alerts.cellular import TO
from tests.alerts.post import lived
from tests.alerts.test_run import asked, installed, started
from tests.config.drafts import GOOD
from tests.config.test_telling import ANNA, UTILITY


def configured(port: Path) -> str:
    """A gateway whose customer is told of low credit by SMS, at any hour."""
    table = f'[alerts]\n[alerts.sms]\nport = "{port}"\npin_file = "sim-pin"\n'
    anna = ANNA.replace('email = "anna@example.org"\n', "")
    return f"{GOOD}\n{UTILITY}\n{table}\n{anna}".replace('"20.00"', '"9.00"', 1)


@lived
async def test_the_daemon_tells_by_sms(tmp_path: Path) -> None:
    """S0-18: low credit, the SIM asks for its PIN, one SMS in one part of the GSM alphabet; no number is shown."""
    (tmp_path / "sim-pin").write_text("1234\n")
    async with Simulation.start('[[modem]]\nid = "gsm"\npin = "1234"\n', folder=tmp_path) as sim:
        modem = sim.modem("gsm")
        desk, stop, running = await started(installed(tmp_path, configured(sim.line("gsm").path)))
        try:
            async with asyncio.timeout(20):
                while not (shown := await asked(desk))["channels"][0]["sent"]:
                    await asyncio.sleep(0.02)
        finally:
            stop.set()
            await running
    ((to, text),) = modem.telephone.messages
    assert to == TO
    assert "credito in esaurimento" in text
    assert [(part.coding, part.parts) for part in modem.parts] == [("gsm", 1)]
    assert modem.pin_tries == ["1234"]
    assert shown["channels"][0]["state"] == "ok"
    assert TO not in str(shown)


@lived
async def test_a_hung_modem_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    """The modem swallows everything: the daemon answers at the console and stops within its time."""
    (tmp_path / "sim-pin").write_text("1234\n")
    async with Simulation.start('[[modem]]\nid = "gsm"\n', folder=tmp_path) as sim:
        await sim.do("fault gsm silence")
        desk, stop, running = await started(installed(tmp_path, configured(sim.line("gsm").path)))
        async with asyncio.timeout(20):
            while not (shown := await asked(desk))["waiting"]:
                await asyncio.sleep(0.02)
            began_s = time.monotonic()
            await asked(desk)
            stop.set()
            await running
        assert time.monotonic() - began_s < 10
        assert shown["channels"][0]["sent"] == 0


def test_what_a_modem_needs_is_loaded_only_where_there_is_one() -> None:
    """A gateway without [alerts.sms] pays nothing for it (50 MiB for 20 meters)."""
    code = (
        "import sys, gateway.app, gateway.alerts.run; print([m for m in sys.modules if m.startswith('gateway.alerts')])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "gateway.alerts.run" in loaded
    for name in ("modem", "pdu", "serialport", "atline"):  # e-mail needs plain text, too: gsm7
        assert f"gateway.alerts.{name}" not in loaded
