"""A device on Modbus TCP that is nothing but registers and coils: real framing, and whatever nonsense a test wants."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


class Bank:
    """Registers and coils of every unit; what is written is kept unless the address is `stuck`."""

    def __init__(self) -> None:
        self.registers: dict[int, int] = {}
        self.coils: dict[int, bool] = {}
        self.stuck: set[int] = set()
        self.functions: list[int] = []
        self.answer: Callable[[bytes], bytes] | None = None
        """What the device sends instead of its own answer: from the PDU it was asked to the PDU it gives."""
        self.unit: int | None = None
        """The unit that answers, if another than the one that was asked."""
        self.port = 0
        self._served: set[asyncio.Task[None]] = set()

    def floats(self, address: int, value: float) -> None:
        """Put a float32 at two registers."""
        self.registers[address], self.registers[address + 1] = struct.unpack(">2H", struct.pack(">f", value))

    def reply(self, pdu: bytes) -> bytes:
        """The device's own answer."""
        function, address, value = struct.unpack(">BHH", pdu[:5])
        self.functions.append(function)
        if function in (1, 2):
            return bytes([function, 1, int(self.coils.get(address, False))])
        if function in (3, 4):
            words = [self.registers.get(address + k, 0) for k in range(value)]
            return struct.pack(f">BB{value}H", function, 2 * value, *words)
        if function == 5 and address not in self.stuck:
            self.coils[address] = value == 0xFF00
        if function == 6 and address not in self.stuck:
            self.registers[address] = value
        if function == 16:
            words = list(struct.unpack(f">{value}H", pdu[6 : 6 + 2 * value]))
            self.registers |= {address + k: word for k, word in enumerate(words) if address + k not in self.stuck}
        return pdu[:5]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                transaction, protocol, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                pdu = await reader.readexactly(length - 1)
                answer = self.reply(pdu) if self.answer is None else self.answer(pdu)
                from_unit = unit if self.unit is None else self.unit
                writer.write(struct.pack(">HHHB", transaction, protocol, len(answer) + 1, from_unit) + answer)
                await writer.drain()
        writer.close()

    async def served(self) -> None:
        """Every connection has ended: who asked has to hang up first."""
        await asyncio.gather(*self._served)


@asynccontextmanager
async def bank() -> AsyncIterator[Bank]:
    """Such a device on a loopback port."""
    device = Bank()
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    device.port = server.sockets[0].getsockname()[1]
    try:
        yield device
    finally:
        server.close()
        await device.served()
