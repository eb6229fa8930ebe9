"""The floor: the least a plain script can do for the same readings. Started by `bench.cpu` as a process of its own.

Each second it reads every meter with pymodbus (the registers the gateway reads, the relay's coil too), decodes the
same values, publishes each reading with paho as JSON of the same size, and makes one SQLite commit (WAL, FULL, through
aiosqlite) for the round. No ledger, no tariff, no check of anything.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time

import aiosqlite
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from pymodbus.client import AsyncModbusTcpClient

from bench.plant import place
from bench.targets import METERS

# name -> register: what config/meters/eastron-sdm630.toml reads; one request of 76 registers covers all.
REGISTERS = {
    "voltage_l1": 0, "voltage_l2": 2, "voltage_l3": 4, "current_l1": 6, "current_l2": 8, "current_l3": 10,
    "power_factor_l1": 30, "power_factor_l2": 32, "power_factor_l3": 34, "power_w": 52, "power_factor": 62,
    "frequency": 70, "energy_import": 72, "energy_export": 74,
}  # fmt: skip
COUNT = 76


async def main(modbus_port: int, mqtt_port: int, database: str, payload_bytes: int) -> None:
    """Poll until killed."""
    meters = AsyncModbusTcpClient("127.0.0.1", port=modbus_port)
    await meters.connect()
    broker = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    broker.connect("127.0.0.1", mqtt_port, 3600)
    broker.loop_start()
    async with aiosqlite.connect(database) as store:
        await store.execute("PRAGMA journal_mode=WAL")
        await store.execute("PRAGMA synchronous=FULL")
        await store.execute("CREATE TABLE reading (meter INTEGER, at REAL, body TEXT)")
        next_s = time.monotonic()
        while True:
            rows = []
            for unit in range(1, METERS + 1):
                body = await reading(meters, unit, payload_bytes)
                broker.publish(f"floor/live/{unit}", body)
                rows.append((unit, time.time(), body))
            await store.executemany("INSERT INTO reading VALUES (?, ?, ?)", rows)
            await store.commit()
            next_s = max(next_s + 1, time.monotonic())
            await asyncio.sleep(next_s - time.monotonic())


async def reading(meters: AsyncModbusTcpClient, unit: int, payload_bytes: int) -> str:
    """One meter's values and its relay as JSON, filled up to `payload_bytes`."""
    answer = await meters.read_input_registers(0, count=COUNT, device_id=unit)
    floats = struct.unpack(f">{COUNT // 2}f", struct.pack(f">{COUNT}H", *answer.registers))
    board, channel = place(unit)
    coils = await meters.read_coils(channel, count=1, device_id=board)
    values: dict[str, object] = {name: floats[register // 2] for name, register in REGISTERS.items()}
    values |= {"meter": unit, "at": time.time(), "relay": coils.bits[0], "fill": ""}
    body = json.dumps(values)
    return body if len(body) >= payload_bytes else f'{body[:-2]}{" " * (payload_bytes - len(body))}"}}'


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
