"""Strangers at the broker, in a process of their own: junk of every kind at a steady rate.

    python -m tests.endurance.junk PORT GATEWAY RATE SECONDS SEED TOKEN     prints what it has published

Garbage, tokens of unknown keys, tokens changed after signing, a true token replayed, too much of everything, retained
messages, and all of it on each of the topics the gateway listens to. QoS 1, as the honest commands.
"""

from __future__ import annotations

import random
import sys
import time

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.headend.topics import Topics
from gateway.reference.sign import new_signer

KINDS = ("garbage", "stranger", "changed", "replayed", "huge", "retained", "elsewhere")
_TICK_S = 0.01


def made(kind: str, chance: random.Random, token: bytes, stranger: bytes) -> bytes:
    """One message of this kind."""
    match kind:
        case "garbage" | "retained":
            return chance.randbytes(chance.randrange(1, 400))
        case "stranger":
            return stranger
        case "changed":
            place = token.index(b".") + 1 + chance.randrange(40)
            return token[:place] + (b"A" if token[place : place + 1] != b"A" else b"B") + token[place + 1 :]
        case "huge":
            return b"x" * 20_000
        case _:
            return token


def main(port: int, gateway_id: str, rate: int, seconds: float, seed: int, token: bytes) -> None:
    """Publish, evenly, and leave."""
    chance, topics = random.Random(seed), Topics(gateway_id)
    stranger = new_signer("k-stranger", "nobody").sign_bytes(b"{}")
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    begun_s, sent = time.monotonic(), 0
    while (now_s := time.monotonic()) < begun_s + seconds:
        while sent < (now_s - begun_s) * rate:
            kind = KINDS[sent % len(KINDS)]
            topic = topics.inbound[1 + sent % 3] if kind == "elsewhere" else topics.command
            client.publish(topic, made(kind, chance, token, stranger), qos=1, retain=kind == "retained")
            sent += 1
        time.sleep(_TICK_S)
    client.publish(topics.command, b"", qos=1, retain=True).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()
    print(sent, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), sys.argv[6].encode())
