"""What the daemon costs in memory, with as many meters as one RS-485 line carries in practice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.brokers import Mosquitto
from tests.site import Site, wait_for

pytestmark = pytest.mark.timeout(90)
RSS_MAX_KB = 50_000


def test_memory_with_twenty_meters(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """At most 50 MB resident with twenty meters polled each second (issue 2, speed)."""
    site = Site(tmp_path, mosquitto.port)
    try:
        _become_twenty(site)
        with site.gateway() as process:
            wait_for(lambda: sum(line["event"] == "register.opened" for line in site.logged()) == 20)
            time.sleep(2)
            status = Path(f"/proc/{process.pid}/status").read_text()
            rss_kb = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
            process.terminate()
            assert process.wait(15) == 0
    finally:
        site.close()
    assert rss_kb <= RSS_MAX_KB, f"{rss_kb} kB"


def _become_twenty(site: Site) -> None:
    head, _, rest = site.config.read_text().partition("[[meter]]")
    tail = rest[rest.index("[headend]") :]
    meters = "".join(
        f'[[meter]]\nid = "m{n}"\nbus = "lan"\naddress = {n}\nmodel = "eastron-sdm630"\nrated_power_w = 17300\n'
        "poll_s = 1\n"
        f'limiter = {{ kind = "switched" }}\nswitch = {{ kind = "relay", model = "generic-relay", bus = "lan", '
        f'address = {100 + n}, energised = "closed", when_dead = "holds" }}\n'
        f'[[account]]\nid = "A{n}"\nmeter = "m{n}"\ncurrency = "CHF"\npolicy = "quick"\ntariff = "quick"\n'
        "contract_power_w = 3000\n"
        for n in range(1, 21)
    )
    site.close()
    scenario = site.folder / "twenty.toml"
    blocks = "".join(
        f'[[meter]]\nid = "m{n}"\nline = "lan"\nunit = {n}\nmodel = "sdm630"\nserial = {21500000 + n}\nload = 500\n'
        f'start_kwh = 100\n[[relay]]\nid = "r{n}"\nline = "lan"\nunit = {100 + n}\n'
        f'[[relay.drives]]\nchannel = 0\nmeter = "m{n}"\nenergised = "closed"\n'
        for n in range(1, 21)
    )
    scenario.write_text(f'name = "twenty"\ndescription = "x"\n[[line]]\nid = "lan"\nkind = "tcp"\n{blocks}')
    port = site.play(scenario)["lan"]["tcp"]
    bus = f'[[bus]]\nid = "lan"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\n'
    site.config.write_text(head.partition("[[bus]]")[0] + bus + meters + tail)
