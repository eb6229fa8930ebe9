"""The topics of one gateway, below `prepaid/1/{gateway_id}/`; the 1 is the version of the contract."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "prepaid/1"


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic, seen from the gateway."""

    gateway_id: str

    @property
    def status(self) -> str:
        """Up, retained, last will: online, epoch, head, challenge."""
        return f"{PREFIX}/{self.gateway_id}/status"

    @property
    def journal(self) -> str:
        """Up: journal rows in order."""
        return f"{PREFIX}/{self.gateway_id}/journal"

    @property
    def interval(self) -> str:
        """Up: finished quarter-hours."""
        return f"{PREFIX}/{self.gateway_id}/interval"

    @property
    def verdict(self) -> str:
        """Up: the answer to each command."""
        return f"{PREFIX}/{self.gateway_id}/verdict"

    @property
    def time_ask(self) -> str:
        """Up: a nonce that wants a signed time."""
        return f"{PREFIX}/{self.gateway_id}/time/ask"

    def live(self, account_id: str) -> str:
        """Up, QoS 0: what the meter says now."""
        return f"{PREFIX}/{self.gateway_id}/live/{account_id}"

    def document(self, document_id: str) -> str:
        """Up: a document in parts."""
        return f"{PREFIX}/{self.gateway_id}/document/{document_id}"

    @property
    def command(self) -> str:
        """Down: a signed command."""
        return f"{PREFIX}/{self.gateway_id}/command"

    @property
    def ack(self) -> str:
        """Down: a signed acknowledgement."""
        return f"{PREFIX}/{self.gateway_id}/ack"

    @property
    def resend(self) -> str:
        """Down: a signed request to send rows again."""
        return f"{PREFIX}/{self.gateway_id}/resend"

    @property
    def time_answer(self) -> str:
        """Down: a signed time."""
        return f"{PREFIX}/{self.gateway_id}/time/answer"

    @property
    def inbound(self) -> tuple[str, ...]:
        """What the gateway subscribes to."""
        return (self.command, self.ack, self.resend, self.time_answer)

    @property
    def outbound(self) -> tuple[str, ...]:
        """What a head-end subscribes to."""
        own = (self.status, self.journal, self.interval, self.verdict, self.time_ask)
        return (*own, self.live("+"), self.document("+"))
