"""What several tables, files and meter models must agree on; each contradiction gives one sentence one can act on."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import shipped
from gateway.clock import SystemClock
from gateway.config.settings import MeterSwitch, MeterTable, ThresholdLimiter
from gateway.errors import ConfigError
from gateway.installation import Installation, load
from gateway.meters import profile
from gateway.meters.build import MeterSpec, SwitchSpec, build_meter, build_tcp_bus
from gateway.meters.profile import Capability
from gateway.point import requests_of
from tests.config.drafts import A1, A2, GOOD, M1, M2, NETWORK, SERIAL, examine, spoil, write

RELAY_IN_M1 = 'switch = { kind = "meter" }'
BOARD = 'switch = {{ kind = "relay", model = "{model}", bus = "rs485-1", address = {address}, channel = {channel}, '
BOARD += 'energised = "open", when_dead = "{dead}" }}'


def board(model: str = "generic-relay", address: int = 17, channel: int = 0, dead: str = "holds") -> str:
    """A switch of m1 on a relay board."""
    return BOARD.format(model=model, address=address, channel=channel, dead=dead)


MISTAKES = [
    pytest.param(
        GOOD.replace('model = "hiking-dds238"', 'model = "hiking-dds283"'),
        ["[[meter]] 'm1' model", "hiking-dds283", "did you mean 'hiking-dds238'?", "docs/meters.md"],
        id="unknown meter model, nearest named",
    ),
    pytest.param(
        GOOD.replace(M2, M2.replace('"lan-1"\naddress = 1\nmodel', '"rs485-1"\naddress = 1\nmodel')),
        ["[[meter]] 'm2' address", "1 on bus 'rs485-1' is already meter 'm1'"],
        id="two meters with one address",
    ),
    pytest.param(
        GOOD.replace("address = 17", "address = 1"),
        ["[[meter]] 'm2' switch.address", "is already meter 'm2'"],
        id="a relay board with a meter's address",
    ),
    pytest.param(
        GOOD.replace(
            M1, M1.replace(RELAY_IN_M1, board()).replace("rs485-1", "lan-1").replace("address = 1\n", "address = 2\n")
        ),
        ["[[meter]] 'm2' switch.channel", "channel 0 of this board already switches meter 'm1'"],
        id="one channel for two meters",
    ),
    pytest.param(
        GOOD.replace(RELAY_IN_M1, board(model="acrel-adl-ey")).replace(
            'bus = "lan-1"\naddress = 17', 'bus = "rs485-1"\naddress = 17'
        ),
        ["[[meter]] 'm2' switch.model", "it is one board"],
        id="two models for one board",
    ),
    pytest.param(
        GOOD.replace(NETWORK, SERIAL.replace("rs485-1", "lan-1")),
        ["[[bus]] 'lan-1' port", "already belongs to bus 'rs485-1'"],
        id="two buses on one port",
    ),
    pytest.param(
        spoil((M2, M2.replace('bus = "lan-1"\naddress = 1\n', 'bus = "lan1"\naddress = 1\n'))),
        ["[[meter]] 'm2' bus", "there is no bus 'lan1'", "did you mean 'lan-1'?"],
        id="unknown bus",
    ),
    pytest.param(
        spoil((M2, M2.replace('bus = "lan-1"\naddress = 17', 'bus = "lan-2"\naddress = 17'))),
        ["[[meter]] 'm2' switch.bus", "there is no bus 'lan-2'", "did you mean 'lan-1'?"],
        id="unknown bus of a relay board",
    ),
    pytest.param(
        GOOD.replace('policy = "prepaid"', 'policy = "prepayed"'),
        ["[[account]] 'CH-0001' policy", "there is no policy 'prepayed'", "did you mean 'prepaid'?"],
        id="unknown policy",
    ),
    pytest.param(
        GOOD.replace('tariff = "ch-flat"', 'tariff = "ch-flatt"'),
        ["[[account]] 'CH-0001' tariff", "there is no tariff 'ch-flatt'", "did you mean 'ch-flat'?"],
        id="unknown tariff",
    ),
    pytest.param(
        GOOD.replace('policy = "prepaid"', 'policy = "demo"', 1).replace('limiter = { kind = "switched" }\n', "", 1),
        ["[[account]] 'CH-0001' policy", "'demo' requires limiting and meter 'm1' cannot limit"],
        id="a policy that requires limiting on a meter that cannot",
    ),
    pytest.param(
        GOOD.replace(M1, M1.replace(RELAY_IN_M1 + "\n", "").replace('limiter = { kind = "switched" }\n', "")),
        ["[[account]] 'CH-0001' meter", "no_actuator", "S0-11"],
        id="prepaid without a switch",
    ),
    pytest.param(
        GOOD.replace('when_dead = "holds"', 'when_dead = "opens"'),
        ["[[meter]] 'm2' limiter", "opens when the gateway is dead", "decision 15"],
        id="limiting by a relay that opens with a dead gateway",
    ),
    pytest.param(
        GOOD.replace(RELAY_IN_M1 + "\n", ""),
        ["[[meter]] 'm1' limiter", "needs a switch"],
        id="limiting by switching without a switch",
    ),
    pytest.param(
        GOOD.replace('limiter = { kind = "switched" }', 'limiter = { kind = "threshold" }', 1),
        ["[[meter]] 'm1' limiter.kind", "no power threshold that can be written", 'kind = "switched"'],
        id="a threshold the model does not have",
    ),
    pytest.param(
        GOOD.replace('limiter = { kind = "switched" }', 'limiter = { kind = "switched", warn_s = 120 }', 1),
        ["[[meter]] 'm1' limiter.warn_s", "120 is not shorter than window_s = 120"],
        id="a warning as long as its window",
    ),
    pytest.param(
        GOOD.replace('limiter = { kind = "switched" }', 'limiter = { kind = "switched", cooldown_s = 60 }', 1),
        ["[[meter]] 'm1' limiter.cooldown_s", "60 is shorter than open_s = 300"],
        id="a cool-down shorter than a trip",
    ),
    pytest.param(
        GOOD.replace('line = "9600 8N1"', 'line = "9600 8X1"'),
        ["[[bus]] 'rs485-1' line", "9600 8X1", '"9600 8N1"'],
        id="a line that is none",
    ),
    pytest.param(
        GOOD.replace('line = "9600 8N1"\n', "").replace(
            'bus = "lan-1"\naddress = 1\nmodel = "eastron-sdm630"',
            'bus = "rs485-1"\naddress = 2\nmodel = "eastron-sdm120"',
        ),
        ["[[bus]] 'rs485-1' line", "different lines: m1 9600 8N1, m2 2400 8N1", "set all of them to one"],
        id="meters delivered with different lines",
    ),
    pytest.param(
        GOOD.replace('line = "9600 8N1"', 'line = "300 8N1"').replace(M1, M1 + "poll_s = 1\n"),
        ["[[bus]] 'rs485-1'", "% of the time: m1", "raise poll_s"],
        id="a poll that takes longer than its period",
    ),
    pytest.param(
        GOOD.replace('id = "CH-0002"', 'id = "CH-0001"'),
        ["[[account]] 'CH-0001' id", "stands twice"],
        id="an account id twice",
    ),
    pytest.param(
        GOOD.replace(A2, A2.replace('"m2"', '"m1"')),
        ["[[account]] 'CH-0002' meter", "meter 'm1' is used by 'CH-0001' and 'CH-0002'", "decision 3"],
        id="a meter with two accounts",
    ),
    pytest.param(
        GOOD.replace(A2, A2.replace('meter = "m2"', 'meter = "m3"')),
        ["[[account]] 'CH-0002' meter", "there is no meter 'm3'"],
        id="an unknown meter",
    ),
    pytest.param(
        GOOD.replace('model = "hiking-dds238"', 'model = "acrel-adl-ey"'),
        ["[[meter]] 'm1' model", "is an actuator: it has no energy register", 'kind = "relay"'],
        id="an actuator used as a meter",
    ),
    pytest.param(
        GOOD.replace('model = "hiking-dds238"', 'model = "eastron-sdm120"'),
        ["[[meter]] 'm1' switch.kind", "no relay that can be told", "generic-relay"],
        id="a relay the model does not have",
    ),
    pytest.param(
        GOOD.replace('model = "generic-relay"', 'model = "eastron-sdm120"'),
        ["[[meter]] 'm2' switch.model", "no output to switch with"],
        id="a meter used as a relay board",
    ),
    pytest.param(
        GOOD.replace("address = 17\n", "address = 17\nchannel = 8\n"),
        ["[[meter]] 'm2' switch.channel", "8 does not exist", "0 to 7"],
        id="a channel the board does not have",
    ),
    pytest.param(
        GOOD.replace('model = "eastron-sdm630"', 'model = "carlo-gavazzi-em112"'),
        ["[[meter]] 'm2' word_order", "in doubt", 'word_order = "little" or "big"'],
        id="a word order in doubt, not confirmed by anybody",
    ),
    pytest.param(
        GOOD.replace("contract_power_w = 3000", "contract_power_w = 20000", 1),
        ["[[account]] 'CH-0001' contract_power_w", "20000 W is more than the 13800 W"],
        id="a contract above what the meter is rated for",
    ),
    pytest.param(
        GOOD.replace('opening_balance = "20.00"', 'opening_balance = "20,00"', 1),
        ["[[account]] 'CH-0001' opening_balance", "'20,00'"],
        id="money with a comma",
    ),
    pytest.param(
        GOOD.replace('timezone = "Europe/Zurich"', 'timezone = "Europe/Lugano"'),
        ["[gateway] timezone", "'Europe/Lugano' is not a time zone"],
        id="unknown time zone",
    ),
    pytest.param(
        GOOD.replace('keys = "headend-keys.toml"', 'keys = "keys.toml"'),
        ["[headend] keys", "there is no file", "prepaid-gateway headend keys"],
        id="no key file",
    ),
    pytest.param(
        GOOD.replace("tls = false\n", 'ca = "ca.pem"\n'),
        ["[headend] ca", "there is no file"],
        id="no CA file",
    ),
    pytest.param(
        GOOD + 'cert = "headend-keys.toml"\n',
        ["[headend] cert, key", "belong together"],
        id="a certificate without its key",
    ),
    pytest.param(
        GOOD + 'password_file = "headend-keys.toml"\n',
        ["[headend] username", "a password needs a name"],
        id="a password without a name",
    ),
    pytest.param(
        GOOD.replace('host = "127.0.0.1"\nport = 1883', 'host = ""\nport = 1883'),
        ["[headend] host", "is empty"],
        id="no broker",
    ),
    pytest.param(
        GOOD.replace(A2, A2.replace("= 3000", "= 3")),
        ["'CH-0002' contract_power_w", "3 W is less than any contract", "3000 for 3 kW"],
        id="kW under a name that says W",
    ),
    pytest.param(
        GOOD.replace('timezone = "Europe/Zurich"\n', 'timezone = "Europe/Zurich"\nfolders = ["site"]\n'),
        ["[gateway] folders", "there is no folder"],
        id="a folder that is not there",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_contradiction_is_refused_in_one_sentence(tmp_path: Path, text: str, said: list[str]) -> None:
    """Impossible combinations are refused with file, key, value and what would be right (issue 2, part 7)."""
    assert text != GOOD
    _, errors, _ = examine(tmp_path, text)
    found = [error for error in errors if all(part in error for part in said)]
    assert len(found) == 1, errors
    assert found[0].startswith(str(tmp_path / "gateway.toml"))


def test_currencies_of_account_policy_and_tariff_must_agree(tmp_path: Path) -> None:
    """An account in EUR has neither a policy nor a tariff in CHF."""
    _, errors, _ = examine(tmp_path, GOOD.replace('currency = "CHF"', 'currency = "EUR"', 1))
    assert len(errors) == 2
    assert "the policy counts in CHF, the account in EUR" in errors[0]
    assert "the tariff counts in CHF, the account in EUR" in errors[1]


def test_a_calendar_that_does_not_exist(tmp_path: Path) -> None:
    """A policy of the operator's own that names an unknown calendar is refused; the file named is the policy's."""
    (tmp_path / "policies").mkdir()
    own = (shipped.folder() / "policies" / "prepaid.toml").read_text().replace('"ch-ti"', '"ch-tt"')
    (tmp_path / "policies" / "prepaid.toml").write_text(own)
    _, errors, _ = examine(tmp_path)
    assert errors == [
        f"{tmp_path}/policies/prepaid.toml: calendar: there is no calendar 'ch-tt'; did you mean 'ch-ti'?"
    ]


def test_an_operators_own_file_wins_over_the_shipped_one(tmp_path: Path) -> None:
    """The folder of gateway.toml comes first, and where each file came from is remembered."""
    (tmp_path / "tariffs").mkdir()
    own = (shipped.folder() / "tariffs" / "ch-flat.toml").read_text().replace("0.3247", "0.2000")
    (tmp_path / "tariffs" / "ch-flat.toml").write_text(own)
    installation = load(write(tmp_path))
    assert installation.configuration.tariffs["ch-flat"].prices[0].nano_per_wh == 200_000
    assert installation.configuration.origins["tariffs/ch-flat"] == tmp_path / "tariffs" / "ch-flat.toml"
    assert installation.configuration.origins["policies/prepaid"].is_relative_to(shipped.folder().resolve())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"[gateway\n", "is not TOML", id="malformed"),
        pytest.param(b'id = "\xff"', "UTF-8", id="not text"),
        pytest.param(b"#" * 2_000_000, "2000000 bytes", id="far too large"),
        pytest.param(None, "there is no such file", id="missing"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, content: bytes | None, said: str) -> None:
    """Malformed, unreadable, oversized and missing files give one error that names the file."""
    file = tmp_path / "gateway.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        load(file)
    assert caught.value.file == str(file)


def test_several_mistakes_are_listed_together(tmp_path: Path) -> None:
    """Files, tables and models are all compared before anything is refused."""
    text = (
        GOOD.replace('"hiking-dds238"', '"hiking"')
        .replace('"ch-flat"', '"flat"')
        .replace("tls = false\n", 'ca = "x"\n')
    )
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    lines = str(caught.value).splitlines()
    assert "4 mistakes" in lines[0]
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            GOOD.replace("/dev/serial/by-id/usb-one", "/dev/ttyUSB0"), "may be another adapter", id="numbered port"
        ),
        pytest.param(GOOD.replace("by-id", "by-path"), "follows the USB socket", id="port by path"),
        pytest.param(GOOD.replace(A2, ""), "nothing is charged", id="meter without an account"),
        pytest.param(GOOD.replace('line = "9600 8N1"', 'line = "4800 8N1"'), "as delivered it is", id="other line"),
        pytest.param(
            GOOD.replace("/dev/serial/by-id/usb-one", "/dev/serial0").replace("9600 8N1", "9600 8E1"),
            "mini-UART",
            id="parity on a mini-UART",
        ),
        pytest.param(
            GOOD.replace('host = "127.0.0.1"\nport = 1883', 'host = "mqtt.example"'), "not encrypted", id="no TLS"
        ),
        pytest.param(
            GOOD.replace("9600 8N1", "600 8N1").replace(M1, M1 + "poll_s = 1\n"), "leaves little", id="nearly busy"
        ),
    ],
)
def test_what_works_and_should_be_known_is_a_warning(tmp_path: Path, text: str, said: str) -> None:
    """Doubtful choices are told by `check` and do not stop the daemon."""
    installation, errors, warnings = examine(tmp_path, text)
    assert errors == []
    assert installation is not None
    assert any(said in warning for warning in warnings), warnings


def test_two_names_of_one_port_are_one_port(tmp_path: Path) -> None:
    """A link to a device is the device: two buses cannot share it under two names."""
    (tmp_path / "ttyREAL").touch()
    (tmp_path / "usb-link").symlink_to(tmp_path / "ttyREAL")
    text = GOOD.replace("/dev/serial/by-id/usb-one", str(tmp_path / "ttyREAL")).replace(
        'kind = "tcp"\nhost = "127.0.0.1"\nport = 5020',
        f'kind = "rtu"\nline = "9600 8N1"\nport = "{tmp_path}/usb-link"',
    )
    _, errors, _ = examine(tmp_path, text)
    assert any("already belongs to bus 'rs485-1'" in error for error in errors)


def test_a_doubt_that_somebody_settled_is_accepted(tmp_path: Path) -> None:
    """With the word order written by hand a doubtful profile may charge."""
    text = GOOD.replace(
        M2, M2.replace('model = "eastron-sdm630"', 'model = "carlo-gavazzi-em112"\nword_order = "little"')
    )
    _, errors, _ = examine(tmp_path, text)
    assert errors == []


@pytest.mark.parametrize("model", [name for name in profile.known_models() if profile.load(name).can_bill])
def test_the_plan_asks_what_the_meter_asks(model: str) -> None:
    """What `check` prints as requests is what goes over the wire, for every shipped model and every means it has."""
    clock = SystemClock()
    described = profile.load(model)
    moves = Capability.DISCONNECT in described.capabilities and described.switch is not None
    limits = Capability.SET_LIMIT in described.capabilities
    table = MeterTable(
        "m1",
        "b",
        1,
        model,
        10_000,
        switch=MeterSwitch() if moves else None,
        limiter=ThresholdLimiter() if limits else None,
        word_order=described.word_order.value,
    )
    meter = build_meter(
        MeterSpec(
            "m1", 1, described, word_order=described.word_order, limiter="threshold" if limits else None,
            accept_unverified=True,
        ),
        build_tcp_bus("b", "127.0.0.1", 1, clock=clock),
        clock=clock,
        switch=SwitchSpec("meter") if moves else None,
    )  # fmt: skip
    fast, full = requests_of(described, table)
    assert list(fast) == meter.fast_requests
    assert list(full) == meter.full_requests


def test_the_installation_is_what_the_file_says(tmp_path: Path) -> None:
    """A good file gives points with their models, lines, keys and accounts."""
    installation: Installation = load(write(tmp_path))
    first, second = installation.points
    assert (first.profile.model, second.profile.model) == ("hiking-dds238", "eastron-sdm630")
    assert second.relay is not None
    assert first.account is not None
    assert first.account.id == "CH-0001"
    assert set(installation.lines) == {"rs485-1"}
    assert set(installation.keys) == {"k1"}
    assert installation.configuration.store == tmp_path / "data" / "store.db"
    assert A1 in GOOD
