"""A Modbus TCP tap in a process of its own: passes everything on and writes down when each request arrived.

    python -m tests.endurance.tap PORT FILE      prints the port it listens on; one line per request: ns unit function

The clock is this process's, beside the meter: what the daemon believes of its own punctuality does not count.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TextIO

_HEAD_BYTES = 6


async def _requests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, out: TextIO) -> None:
    try:
        while True:
            head = await reader.readexactly(_HEAD_BYTES)
            rest = await reader.readexactly(int.from_bytes(head[4:6], "big"))
            out.write(f"{time.monotonic_ns()} {rest[0]} {rest[1]}\n")
            writer.write(head + rest)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, until either side ends."""
    try:
        while data := await reader.read(4096):
            writer.write(data)
    except ConnectionError:
        pass
    writer.close()


async def _serve(port: int, file: Path) -> None:
    with file.open("w", buffering=1, encoding="ascii") as out:

        async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            meter_reader, meter_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_requests(reader, meter_writer, out), pass_on(meter_reader, writer))

        server = await asyncio.start_server(taken, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
