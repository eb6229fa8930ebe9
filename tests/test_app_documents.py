"""Documents of the real daemon: its key, what it signs, and what a person exports beside it."""

import asyncio
import base64
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from gateway.clock import SystemClock
from gateway.commands import Command
from gateway.commands.documents import DocumentBody
from gateway.documents.key import NAME, load, read_public
from gateway.documents.seal import Document
from gateway.documents.verify import verified
from gateway.headend.payloads import DocumentPart
from gateway.prepayment.civil import local_date
from gateway.prepayment.export import DocumentKind
from tests.brokers import Mosquitto
from tests.site import Site

PROJECT = Path(__file__).parent.parent


def test_the_daemon_signs_with_the_key_it_made_and_told(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """S2-12, S0-17: one key in folder, journal and status; a document over MQTT and one exported beside it are its."""
    site = Site(tmp_path, mosquitto.port)
    exported = tmp_path / "evidence.jsonl"
    parts: list[DocumentPart] = []

    async def journey() -> str:
        async with site.headend() as headend:
            headend.on_document = parts.append
            await headend.until(lambda: headend.status is not None and headend.status.online, 20)
            assert headend.status is not None
            public = headend.status.device_key or ""
            await headend.until(lambda: any(row.body.get("what") == "device.key" for row in headend.rows))
            (made,) = [row.body for row in headend.rows if row.body.get("what") == "device.key"]
            assert made["detail"]["public"] == public
            assert (await headend.topup("SHOP", "60.00", "CHF")).status == "applied"
            today = local_date(SystemClock().now().utc_ms, "Europe/Zurich")
            asked = DocumentBody(DocumentKind.TOPUPS, today, today + timedelta(days=1), "SHOP")
            while (await headend.command(Command.DOCUMENT, asked)).reason == "clock_untrusted":
                await asyncio.sleep(0.1)
            await headend.until(lambda: bool(parts))
            utc = local_date(SystemClock().now().utc_ms, "UTC")
            days = ["--from", str(utc - timedelta(days=1)), "--to", str(utc + timedelta(days=1))]
            command = ["export", "evidence", *days, "--config", str(site.config), "-o", str(exported)]
            done = await asyncio.to_thread(
                subprocess.run, [sys.executable, "-m", "gateway", *command], cwd=PROJECT, check=False, timeout=60
            )
            assert done.returncode == 0
            return public

    try:
        with site.gateway():
            public = asyncio.run(journey())
    finally:
        site.close()
    key = load(site.store.parent)
    assert key is not None
    assert key.public == public
    assert (site.store.parent / NAME).stat().st_mode & 0o777 == 0o600
    (part,) = parts
    document = Document(part.name, part.content_type, base64.b64decode(part.data), part.seal.encode())
    (data,) = document.files.values()
    register = json.loads(verified(data, key=read_public(public)).content)
    assert [row["amount"] for row in register["rows"]] == ["60.00"]
    assert verified(exported.read_bytes(), key=read_public(public)).rows > 3
