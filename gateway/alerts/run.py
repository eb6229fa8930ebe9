"""All channels of this gateway, as configured. Off when none is; a channel that hangs keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway.alerts.channel import Channel, Reporting
from gateway.alerts.outbox import Outbox, Shared
from gateway.alerts.queue import HOUR_MS, Limits
from gateway.alerts.recipients import recipients
from gateway.clock import Clock
from gateway.config.loader import Configuration, beside
from gateway.config.telling import quiet_minutes
from gateway.store import Store
from gateway.teller import Teller

ChannelFactory = Callable[[Configuration, Clock], Sequence[Channel]]
"""The channels that `[alerts]` asks for; the simulation has its own."""


class Alerts:
    """The channels and their queues."""

    def __init__(self, outboxes: Sequence[Outbox]) -> None:
        self.outboxes = tuple(outboxes)

    async def run(self) -> None:
        """Until cancelled; each channel in a task of its own."""
        async with asyncio.TaskGroup() as group:
            for outbox in self.outboxes:
                group.create_task(outbox.run(), name=f"alerts.{outbox.channel.name}")


def open_alerts(
    configuration: Configuration, store: Store, teller: Teller, clock: Clock, factory: ChannelFactory | None = None
) -> Alerts:
    """What `[alerts]` asks for; without channels nothing runs and nothing more is loaded."""
    settings = configuration.settings
    table, utility = settings.alerts, settings.utility
    if table is None or utility is None:
        return Alerts(())
    channels = (factory or build_channels)(configuration, clock)
    shared = Shared(settings.gateway.id, store, teller, clock, utility, configuration.messages)
    limits = Limits(
        settings.gateway.timezone,
        quiet_minutes(table.quiet),
        table.give_up_h * HOUR_MS,
        table.per_recipient_day,
        table.per_channel_hour,
    )
    outboxes = [Outbox(channel, shared, recipients(table, channel.name), limits) for channel in channels]
    for outbox in outboxes:
        teller.subscribe_committed(outbox.wake)
        if isinstance(outbox.channel, Reporting):
            outbox.channel.told = outbox.reported
    return Alerts(outboxes)


def build_channels(configuration: Configuration, clock: Clock) -> list[Channel]:
    """The real ones. What they need is loaded here and not before: few gateways have both."""
    table = configuration.settings.alerts
    channels: list[Channel] = []
    if table is not None and table.email is not None:
        from gateway.alerts.smtp import SmtpChannel

        email, file = table.email, configuration.file
        ca = beside(file, email.ca) if email.ca else None
        password = beside(file, email.password_file) if email.password_file else None
        channels.append(SmtpChannel(email, clock, ca=ca, password=password))
    if table is not None and table.sms is not None:
        from gateway.alerts.modem import ModemChannel
        from gateway.alerts.serialport import opener

        sms, record = table.sms, configuration.store.with_name("sim-pin.json")
        pin_file = beside(configuration.file, sms.pin_file) if sms.pin_file else None
        channels.append(ModemChannel(opener(sms.port, sms.baud), clock, record, pin_file=pin_file))
    return channels
