"""The TLS context of the connection, from the files in the configuration."""

from __future__ import annotations

import ssl

from gateway.errors import ConfigError
from gateway.headend.link import Broker


def context(broker: Broker) -> ssl.SSLContext:
    """TLS 1.2 or later, the broker's name checked. Raises ConfigError naming the file that cannot be used."""
    try:
        made = ssl.create_default_context(cafile=broker.ca or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"is not a usable CA file: {error}", file=broker.ca, hint="PEM certificates") from error
    # Python 3.13 began to refuse certificates that lack formal extensions. A gateway that has trusted its utility's CA
    # for years must not lose its link to a system update; whom to trust is decided by the CA file either way.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.cert:
        try:
            made.load_cert_chain(broker.cert, broker.key or None)
        except (OSError, ssl.SSLError) as error:
            hint = "a PEM certificate and the private key that belongs to it, readable by this user"
            raise ConfigError(f"is not usable: {error}", file=broker.cert, hint=hint) from error
    return made
