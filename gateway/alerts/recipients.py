"""Who is told: persons by account and channel, and their addresses as they may be shown."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config.settings import AlertsTable


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person on one channel: the account, the number among its recipients, address and language."""

    account_id: str
    number: int
    to: str
    masked: str
    language: str

    @property
    def key(self) -> str:
        """As rows name the person; nobody learns the address from it."""
        return f"{self.number} {self.masked}"

    @property
    def whom(self) -> str:
        """The person among all accounts."""
        return f"{self.account_id} {self.key}"


def recipients(table: AlertsTable, channel: str) -> list[Recipient]:
    """Who is reached by this channel, numbered within each account."""
    found: list[Recipient] = []
    for one in table.recipient:
        to = one.phone if channel == "sms" else one.email
        if to is not None:
            number = 1 + sum(other.account_id == one.account for other in found)
            found.append(Recipient(one.account, number, to, mask(to), one.language))
    return found


def mask(address: str) -> str:
    """An address or number as it may be shown: `m***@d***.it`, `+41***67` (S4-25)."""
    if "@" in address:
        user, _, host = address.partition("@")
        name, _, top = host.rpartition(".")
        return f"{user[:1]}***@{name[:1]}***.{top}" if name else f"{user[:1]}***@***"
    return f"{address[:3]}***{address[-2:]}"
