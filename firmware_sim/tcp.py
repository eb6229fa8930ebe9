"""Modbus TCP: one port, many unit ids, as a gateway or a meter with an Ethernet port offers them."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

from firmware_sim.clock import NS_PER_S
from firmware_sim.device import Spoil
from firmware_sim.line import Line
from firmware_sim.wire import MAX_PDU_BYTES

if TYPE_CHECKING:
    from firmware_sim.device import Device, Reply

_HEAD_BYTES = 7
_MOST_CLIENTS = 64


class TcpLine(Line):
    """A listening port; port 0 = any free one, kept over unplug and replug."""

    def __init__(self, line_id: str, host: str, port: int) -> None:
        super().__init__(line_id, host=host, port=port)
        self.clients: set[_Client] = set()
        self._server: asyncio.Server | None = None

    async def replug(self) -> None:
        """See `Line`."""
        if self.plugged:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Client(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.plugged = True

    async def unplug(self) -> None:
        """See `Line`: the port refuses and open connections are reset."""
        if self._server is None:
            return
        self._server.close()
        for client in tuple(self.clients):
            client.abort()
        await self._server.wait_closed()
        self._server = None
        self.plugged = False

    def endpoint(self) -> dict[str, object]:
        """See `Line`."""
        return {"id": self.id, "tcp": self.port, "host": self.host}


class _Client(asyncio.Protocol):
    """One connection: cuts the stream into MBAP frames; a frame that cannot be one closes the connection."""

    def __init__(self, line: TcpLine) -> None:
        self._line = line
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many."""
        if not isinstance(transport, asyncio.Transport) or len(self._line.clients) >= _MOST_CLIENTS:
            transport.close()
            return
        self._transport = transport
        self._line.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        del exc
        self._line.clients.discard(self)
        self._transport = None

    def abort(self) -> None:
        """Reset, without sending what waits."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer every complete frame."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _HEAD_BYTES:
            transaction, protocol, length, unit = struct.unpack_from(">HHHB", buffer)
            if protocol != 0 or not 2 <= length <= MAX_PDU_BYTES + 1:
                self.abort()
                return
            end = _HEAD_BYTES - 1 + length
            if len(buffer) < end:
                return
            pdu = bytes(buffer[_HEAD_BYTES:end])
            del buffer[:end]
            answered = self._line.exchange(unit, pdu)
            if answered is not None:
                self._answer(transaction, *answered)

    def _answer(self, transaction: int, device: Device, reply: Reply) -> None:
        if reply.spoil is Spoil.GARBAGE:
            frame = device.garbage()
        else:
            frame = struct.pack(">HHHB", transaction, 0, len(reply.pdu) + 1, reply.unit) + reply.pdu
        if reply.delay_ns:
            asyncio.get_running_loop().call_later(reply.delay_ns / NS_PER_S, self._send, frame)
        else:
            self._send(frame)

    def _send(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)
