"""The messages to the customer: how the channels are and what waits."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.console.wire import Role
from gateway.terminal.verbs import Data, Say, Verb

CHANNELS = tuple(f"alerts.{name}" for name in ("channel", "state", "people", "sent", "waiting", "given_up"))
WAITING = tuple(f"alerts.{name}" for name in ("row", "channel", "account", "message", "to", "tries", "in"))


def alerts(data: Data, say: Say) -> Iterator[str]:
    """A line for each channel, then one for each message that waits."""
    if not data["channels"]:
        yield say.text("alerts.none")
        return
    yield from say.table(CHANNELS, [_channel(one, say) for one in data["channels"]])
    for one in data["channels"]:
        if one["last"] not in ("", "sent"):
            yield say.text("alerts.last", channel=one["channel"], last=one["last"])
    if not data["waiting"]:
        yield say.text("alerts.empty")
        return
    yield ""
    yield from say.table(WAITING, [_waiting(one, say) for one in data["waiting"]])


def _channel(one: Data, say: Say) -> tuple[str, ...]:
    state = one["state"] or say.text("alerts.unused")
    counts = (one["recipients"], one["sent"], one["waiting"], one["given_up"] + one["expired"])
    return (one["channel"], state, *map(str, counts))


def _waiting(one: Data, say: Say) -> tuple[str, ...]:
    what = (one["row"], one["channel"], one["account"], one["message"], one["to"], one["tries"])
    return (*map(str, what), say.duration(one["in_s"]))


VERBS = (Verb("alerts", Role.VIEWER, "alerts", do="alerts", show=alerts),)
