"""Why there is no connection, in a sentence that tells an operator what to do."""

from __future__ import annotations

import socket
import ssl

from gateway.headend.link import Broker

_ADVICE = {
    0x01: "it speaks neither MQTT 5 nor 3.1.1",
    0x84: "it speaks neither MQTT 5 nor 3.1.1",
    0x02: "it refuses this client id; set another gateway id or allow this one",
    0x85: "it refuses this client id; set another gateway id or allow this one",
    0x04: "the user name or password is wrong",
    0x86: "the user name or password is wrong",
    0x05: "this client is not allowed in; check user name, certificate and the broker's access list",
    0x87: "this client is not allowed in; check user name, certificate and the broker's access list",
    0x03: "it is not available at the moment",
    0x88: "it is not available at the moment",
    0x89: "it is busy",
    0x97: "this client is over its quota",
    0x9F: "this client connects too often",
}


def explain(broker: Broker, error: Exception) -> str:
    """The sentence for an attempt that got no answer from a broker."""
    where = f"head-end broker {broker.host}:{broker.port}"
    match error:
        case ssl.SSLCertVerificationError():
            hint = f"the CA in {broker.ca or 'the system'} did not sign its certificate, or the name differs"
            return f"{where}: its certificate is refused ({error.verify_message}): {hint}"
        case ssl.SSLError():
            return f"{where}: no TLS with it ({error.reason}); check port, tls and the client certificate"
        case socket.gaierror():
            return f"{where}: the name cannot be resolved ({error.strerror}); check host and the network's DNS"
        case ConnectionRefusedError():
            return f"{where}: nothing listens there; check host and port, and that the broker runs"
        case TimeoutError():
            return f"{where}: no answer in time; check the network and any firewall"
        case OSError():
            return f"{where}: {error.strerror or error}; check the network"
        case _:
            return f"{where}: {error}; check host, port and certificates"


def refused(broker: Broker, code: int, name: str) -> str:
    """The sentence for a broker that answered and said no."""
    return f"head-end broker {broker.host}:{broker.port} refused the connection: {_ADVICE.get(code, name)} ({name})"
