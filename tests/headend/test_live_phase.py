"""A live message of a post-paid supply says where its dates stand, too; a prepaid one has no such thing."""

import msgspec

from gateway.headend.live import LivePublisher
from gateway.headend.payloads import Live
from gateway.headend.topics import Topics
from gateway.plant import phase
from tests.delinquency.debtor import debtor
from tests.prepayment.worlds import TERMS, at, opened


class _Link:
    """Takes everything."""

    session = True

    def __init__(self) -> None:
        self.sent: list[Live] = []

    def send_lossy(self, _topic: str, payload: bytes) -> bool:
        self.sent.append(msgspec.json.decode(payload, type=Live))
        return True


def test_the_phase_is_the_one_of_the_dates() -> None:
    """2.4: REQUESTABLE is no rung, but whoever looks at a supply wants to know that an order would be taken."""
    home = debtor()
    assert phase(home.account, home.terms, home.at()) == "REGULAR"
    home.notice()
    home.stand("2026-04-03")
    assert phase(home.account, home.terms, home.at()) == "NOTICED"
    home.stand("2026-04-07")
    link = _Link()
    live = LivePublisher(link, Topics("gw-1"))  # type: ignore[arg-type]
    told = phase(home.account, home.terms, home.at())
    live.publish(home.account, home.at(), switch=None, power_w=None, limit_w=None, import_wh=None, phase=told)
    assert (link.sent[0].state, link.sent[0].phase) == ("NOTICED", "REQUESTABLE")
    assert phase(opened(), TERMS, at()) is None
