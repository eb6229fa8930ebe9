"""Why there is no connection, in words: each failure names the broker and what an operator would look at."""

from __future__ import annotations

import socket
import ssl

import pytest

from gateway.headend.link import Broker
from gateway.headend.live import LivePublisher
from gateway.headend.topics import Topics
from gateway.headend.trouble import explain, refused
from tests.prepayment.worlds import at, opened

BROKER = Broker("mqtt.example", 8883, "gw-1", ca="ca.pem")
WHERE = "head-end broker mqtt.example:8883: "
UNSIGNED = "the CA in ca.pem did not sign its certificate, or the name differs"


def certificate_refused() -> ssl.SSLCertVerificationError:
    """As the handshake raises it."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def no_tls() -> ssl.SSLError:
    """A broker that speaks plain MQTT on this port."""
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            certificate_refused(),
            "its certificate is refused (self-signed certificate): " + UNSIGNED,
        ),
        (no_tls(), "no TLS with it (WRONG_VERSION_NUMBER); check port, tls and the client certificate"),
        (
            socket.gaierror(-2, "Name or service not known"),
            "the name cannot be resolved (Name or service not known); check host and the network's DNS",
        ),
        (
            ConnectionRefusedError(111, "refused"),
            "nothing listens there; check host and port, and that the broker runs",
        ),
        (TimeoutError(), "no answer in time; check the network and any firewall"),
        (OSError(113, "No route to host"), "No route to host; check the network"),
        (OSError("cable cut"), "cable cut; check the network"),
        (ValueError("a host of two words"), "a host of two words; check host, port and certificates"),
    ],
)
def test_a_connection_that_failed_says_what_to_look_at(error: Exception, says: str) -> None:
    """Decision 18, I23: days without a head-end begin with one sentence in the log: it names broker, cause and cure."""
    assert explain(BROKER, error) == WHERE + says


@pytest.mark.parametrize(
    ("code", "advice"),
    [(0x86, "the user name or password is wrong (x)"), (0x97, "this client is over its quota (x)"), (0xFE, "x (x)")],
)
def test_a_broker_that_said_no_is_quoted(code: int, advice: str) -> None:
    """Decision 18: the broker's own word, and what it means where we know."""
    assert refused(BROKER, code, "x") == f"head-end broker mqtt.example:8883 refused the connection: {advice}"


class _Link:
    """Takes everything."""

    session = 1

    def send_lossy(self, _topic: str, _payload: bytes) -> bool:
        return True


def test_live_values_are_thinned_out_and_jitter_costs_none() -> None:
    """I20: one message per account and period; a poll that comes a tenth early is in time."""
    live = LivePublisher(_Link(), Topics("gw-1"), period_ms=10_000)  # type: ignore[arg-type]
    first, other = opened(), opened(account_id="CH-2")

    def sent(account: object, running_ms: int) -> bool:
        now = at(running_ms)
        return live.publish(account, now, switch=None, power_w=None, limit_w=None, import_wh=None)  # type: ignore[arg-type]

    assert [sent(first, ms) for ms in (0, 8_999, 9_000, 17_999, 18_000)] == [True, False, True, False, True]
    assert sent(other, 18_001)
    assert not sent(other, 18_002)
