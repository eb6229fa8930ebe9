"""Live values: what a meter says now, QoS 0, dropped rather than queued. Costs one encoding per reading."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.headend.link import Link
from gateway.headend.payloads import Live
from gateway.headend.topics import Topics
from gateway.prepayment.account import Account
from gateway.prepayment.civil import instant
from gateway.prepayment.events import Moment
from gateway.prepayment.ladder import days_left
from gateway.prepayment.money import wire_money
from gateway.prepayment.supply import SwitchState


class LivePublisher:
    """Publishes at most one message per account and `period_ms`; 0: each reading."""

    def __init__(self, link: Link, topics: Topics, *, period_ms: int = 0) -> None:
        self._link = link
        self._topics = topics
        self._period_ms = period_ms
        self._last_ms: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._encode = msgspec.json.Encoder().encode

    def publish(  # noqa: PLR0913 - each is a field of the message
        self,
        account: Account,
        at: Moment,
        *,
        switch: SwitchState | None,
        power_w: int | None,
        limit_w: int | None,
        import_wh: int | None,
        defect: str | None = None,
        values: Mapping[str, float | int] | None = None,
        phase: str | None = None,
    ) -> bool:
        """Send what was observed at `at`; False when it was dropped: not connected, behind, or too soon."""
        account_id = account.account_id
        if not self._link.session or not self._due(account_id, at.running_ms):
            return False
        live = Live(
            account_id,
            instant(at.utc_ms),
            wire_money(account.balance_nano),
            account.currency,
            account.supply.state,
            switch,
            power_w,
            limit_w,
            import_wh,
            account.contract_power_w,
            account.lockout,
            defect,
            values or {},
            _spent_today(account),
            days_left(account, account.balance_nano),
            phase,
        )
        topic = self._names.get(account_id)
        if topic is None:
            topic = self._names[account_id] = self._topics.live(account_id)
        return self._link.send_lossy(topic, self._encode(live))

    def _due(self, account_id: str, running_ms: int) -> bool:
        if not self._period_ms:
            return True
        last_ms = self._last_ms.get(account_id)
        # A tenth early is on time: polls jitter, and every second one must not be lost to that.
        if last_ms is not None and running_ms - last_ms < self._period_ms * 9 // 10:
            return False
        self._last_ms[account_id] = running_ms
        return True


def _spent_today(account: Account) -> str | None:
    """What the civil day has cost so far (S0-16); None while its beginning was not seen."""
    began_nano = account.spending.day_began_nano
    return None if began_nano is None else wire_money(account.usage.charge_total_nano - began_nano)
