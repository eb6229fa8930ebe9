"""The utility's service centre, whom a technician or a customer rings up: it answers challenges and reads out codes.

Keys, answers and codes are computed from docs/console.md and docs/credit-code.md alone; nothing is the gateway's.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from typing import TYPE_CHECKING

from tests.simulation.signer import Order
from tests.simulation.till import NANO, Till, money

if TYPE_CHECKING:
    from tests.simulation.center import Center

CENT_NANO = NANO // 100
SOLD_MAX_NANO = 1_500 * NANO
"""More is not sold in all: what the account's cap refuses would stay sold, because it was read out."""
_FORM = b"prepaid-gateway/service-key/1\0"
_CODE = b"prepaid-credit-code/1\0"
_DAMM = (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
)  # fmt: skip


def _mac(key: bytes, said: bytes) -> bytes:
    return hmac.new(key, said, hashlib.sha256).digest()


class Phone:
    """One utility's master secret, and what was read out for one gateway."""

    def __init__(self, center: Center, chance: random.Random) -> None:
        self.codes: dict[tuple[str, int], Order] = {}
        """What was sold by telephone, by account and number."""
        self.texts: list[tuple[str, str]] = []
        """Every code that was read out, with its account."""
        self._master = chance.randbytes(32)
        self._center = center

    def service_key(self, gateway_id: str) -> bytes:
        """What lies in a gateway's key file: HKDF-SHA256 of the master secret."""
        return _mac(_mac(bytes(32), self._master), _FORM + gateway_id.encode() + b"\x01")

    def answer(self, gateway_id: str, name: str, role: str, challenge: str) -> str:
        """The one-time code that answers a challenge."""
        key = _mac(self.service_key(gateway_id), _FORM + b"otp")
        said = f"{gateway_id}\x00{name}\x00{role}\x00{challenge}".encode()
        digits = f"{int.from_bytes(_mac(key, said), 'big') % 10**12:012d}"
        return f"{digits}{98 - int(digits) * 100 % 97:02d}"

    def sell(self, account_id: str, amount_nano: int) -> str | None:
        """Sell credit by telephone; None where no code can say it.

        A sale that is not answered yet is read out as it is. What was read out is sold, typed in or not.
        """
        center = self._center
        till = center.tills.setdefault(account_id, Till())
        if till.open_sale is not None and till.open_sale.body["currency"] != "CHF":
            return None
        if till.open_sale is not None:
            number = till.confirmed + 1
        else:
            number = len(till.totals_nano)
            till.totals_nano.append(till.totals_nano[-1] + amount_nano)
        total_nano = till.totals_nano[number]
        if total_nano % CENT_NANO or total_nano > SOLD_MAX_NANO:
            if till.open_sale is None:
                till.totals_nano.pop()
            return None
        if till.open_sale is None:
            till.confirmed = number
        body = {"account_id": account_id, "sequence": number, "currency": "CHF", "total": money(total_nano)}
        self.codes[account_id, number] = Order("", "top_up", body, b"")
        center.read_out.add((account_id, number))
        text = self.code(center.gateway_id, account_id, number, total_nano)
        self.texts.append((account_id, text))
        return text

    def code(self, gateway_id: str, account_id: str, number: int, total_nano: int) -> str:
        """Forty digits: number and lifetime total under a tag, masked, each group with its check digit."""
        key = _mac(self.service_key(gateway_id), _FORM + b"credit")
        plain = number << 30 | total_nano // CENT_NANO
        place = f"{gateway_id}\x00{account_id}\x00CHF".encode()
        said = _CODE + b"tag\0" + place + b"\0" + plain.to_bytes(8, "big")
        tag = int.from_bytes(_mac(key, said)[:8], "big") >> 4
        mask = int.from_bytes(_mac(key, _CODE + b"mask\0" + tag.to_bytes(16, "big"))[:8], "big") >> 20
        data = f"{tag << 44 | plain ^ mask:032d}"
        return with_check_digits(data)

    def conclude(self) -> None:
        """What nobody ever typed in comes with the next sale."""
        center = self._center
        till = center.tills.get(center.account_id)
        if till is not None and till.open_sale is None and any(one == center.account_id for one, _ in self.codes):
            center.sell(center.account_id, NANO)


def with_check_digits(data: str) -> str:
    """Eight groups of four digits and one for their place (Damm, begun with the number of the group)."""
    groups = []
    for place, at in enumerate(range(0, 32, 4), start=1):
        state = place
        for digit in data[at : at + 4]:
            state = int(_DAMM[state][int(digit)])
        groups.append(f"{data[at : at + 4]}{state}")
    return " ".join(groups)
