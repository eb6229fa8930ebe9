from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway import shipped
from gateway.errors import ConfigError
from gateway.meters import profile
from gateway.meters.profile import Capability, Profile
from tests.config.drafts import examine

FACTS: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("facts.json").read_text("utf-8"), parse_float=Decimal
)["meters"]
SHIPPED = {
    "SDM120-Modbus": ["eastron-sdm120"],
    "SDM230-Modbus": ["eastron-sdm230"],
    "SDM630-Modbus": ["eastron-sdm630"],
    "SDM72D-M v2": ["eastron-sdm72"],
    "EM330/EM340/ET330/ET340": ["carlo-gavazzi-em340"],
    "EM111/EM112": ["carlo-gavazzi-em112"],
    "A43/A44/B21/B23/B24": ["abb-b23"],
    "iEM3155 (iEM3255/iEM3355; iEM3150 subset)": ["schneider-iem3155"],
    "DTSU666": ["chint-dtsu666"],
    "DDSU666": ["chint-ddsu666"],
    "DDS238-2 ZN/SR (relay) and ZN/S (no relay); also TAC2300C-type clones - verify": [
        "hiking-dds238",
        "hiking-dds238-s",
    ],
    "DDSY1352 / DTSY1352 / ADL200-300-EY prepaid family": ["acrel-ddsy1352", "acrel-adl-ey"],
    "ADW300": ["acrel-adw300"],
    "7M.38 (3ph)": ["finder-7m38"],
    "Modbus relay module as external actuator (e.g. Waveshare Modbus RTU Relay)": ["generic-relay"],
}
PAIRS = [(fact, name) for fact in FACTS for name in SHIPPED[fact["model"]]]
GOOD = (shipped.folder() / "meters" / "hiking-dds238.toml").read_text("utf-8")


def test_every_meter_of_the_facts_ships_and_nothing_else() -> None:
    """A meter that was researched is supported, and no profile is invented (issue 2, part 3)."""
    assert sorted(name for _, name in PAIRS) == profile.known_models()


@pytest.mark.parametrize(("fact", "name"), PAIRS, ids=[name for _, name in PAIRS])
def test_a_profile_says_what_the_facts_say(fact: dict[str, Any], name: str) -> None:
    """Addresses, types, units, scales, line, word order, confidence and sources are those of the facts file."""
    model = profile.load(name)
    assert model.confidence == fact["confidence"].split()[0]
    assert list(model.sources) == fact["sources"]
    if model.registers or model.can_bill:
        expected = {r["name"]: (r["address"], r["type"], r["unit"], Decimal(r["scale"])) for r in fact["registers"]}
        told = {n: (r.address, r.type.value, r.unit, r.scale) for n, r in model.registers.items()}
        assert told == expected
        assert str(model.read_fc) in str(fact["read_fc"])
        assert fact["word_order"].startswith(model.word_order.value)
        assert bool(model.word_order_doubt) == ("VERIFY" in fact["word_order"])
    if " id " in fact.get("serial_default", ""):
        assert fact["serial_default"].startswith(f"{model.serial_default} id {model.default_address}")
    if serial := fact.get("serial_number"):
        assert model.serial_number is not None
        assert (model.serial_number.address, model.serial_number.fc) == (serial["address"], serial["fc"])
    told_clock = None if model.clock is None else (model.clock.address, model.clock.fc, model.clock.format.value)
    clock = fact.get("clock")
    assert told_clock == (None if clock is None else (clock["address"], clock["fc"], clock["format"]))
    assert model.marks_unavailable == ("invalid" in fact)


@pytest.mark.parametrize(("fact", "name"), PAIRS, ids=[name for _, name in PAIRS])
def test_capabilities_are_those_with_public_evidence(fact: dict[str, Any], name: str) -> None:
    """Only DDS238 ZN/SR, the Acrel family and a relay board switch; only the iEM has a threshold (issue 2, part 3)."""
    expected: dict[str, set[Capability]] = {
        "hiking-dds238": {Capability.DISCONNECT, Capability.RECONNECT},
        "acrel-ddsy1352": {Capability.DISCONNECT, Capability.RECONNECT},
        "acrel-adl-ey": {Capability.DISCONNECT, Capability.RECONNECT},
        "generic-relay": {Capability.DISCONNECT, Capability.RECONNECT},
        "schneider-iem3155": {Capability.SET_LIMIT},
    }
    assert set(profile.load(name).capabilities) == expected.get(name, set())
    if not fact["control"]:
        assert profile.load(name).switch is None


def test_switch_words_are_those_of_the_facts() -> None:
    """DDS238: 0x001A, FC16, registers 0 and 1 never written. Acrel: 0x0057 x2, [1,1] trips, [1,0] closes."""
    hiking, acrel = profile.load("hiking-dds238"), profile.load("acrel-ddsy1352")
    assert hiking.switch is not None
    assert acrel.switch is not None
    assert (hiking.switch.address, hiking.switch.fc_write, hiking.switch.open, hiking.switch.closed) == (
        0x1A,
        16,
        (0,),
        (1,),
    )
    assert hiking.forbidden_writes == (0, 1)
    assert (acrel.switch.address, acrel.switch.open, acrel.switch.closed) == (0x57, (1, 1), (1, 0))


def test_a_family_without_a_trusted_energy_register_is_an_actuator_only() -> None:
    """Acrel ADL-EY and the relay board cannot bill (issue 2, part 3)."""
    assert [name for name in profile.known_models() if not profile.load(name).can_bill] == [
        "acrel-adl-ey",
        "generic-relay",
    ]


def broken(old: str, new: str) -> ConfigError:
    """What loading the DDS238 profile says after one edit."""
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        profile.parse(GOOD.replace(old, new, 1).encode(), "hiking-dds238.toml", "hiking-dds238")
    assert "hiking-dds238.toml" in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("min_gap_ms", "min_gap", "min_gap", "min_gap_ms"),
        ('unit = "V"', 'unti = "V"', "registers", "unit"),
        ('type = "uint32"', 'type = "uint23"', "registers", "uint23"),
        ('energy = "energy_import"', 'energy = "energy_imprt"', "energy", "energy_import"),
        ('energy = "energy_import"', 'energy = "voltage"', "registers.voltage.unit", "kWh"),
        ("read_fc = 3", "read_fc = 6", "read_fc", "use 3 or 4"),
        ("fc_write = 16", "fc_write = 5", "switch", "no pair"),
        ("address = 26", "address = 1", "switch", "forbidden_writes"),
        ("closed = [1]", "closed = [0]", "switch.open", "different"),
        ('"reconnect"]', '"reconnect", "set_limit"]', "capabilities", "[limit]"),
        ("phases = [1]", "phases = [1", "", "not TOML"),
        ('model = "hiking-dds238"', 'model = "hiking"', "model", "file name"),
        ("address = 12,", "address = 70000,", "registers.voltage", "outside"),
        (
            'power_active = { address = 14, type = "int16", unit = "W"',
            'power_active = { address = 14, type = "int16", unit = "V"',
            "registers.power_active.unit",
            "'V' is no unit of active power",
        ),
        ('unit = "W", scale = 1 ', 'unit = "W", scale = 0 ', "registers.power_active.scale", "must be positive"),
        ('unit = "W", scale = 1 ', 'unit = "W", scale = -1 ', "registers.power_active.scale", "must be positive"),
    ],
)
def test_a_wrong_profile_is_refused_with_file_key_and_what_is_right(old: str, new: str, key: str, says: str) -> None:
    """Bad input: every mistake names the file, the key and the nearest right thing (issue 2, part 7)."""
    error = broken(old, new)
    assert key in error.key
    assert says in str(error)


@pytest.mark.parametrize(("old", "new"), [("channels = 8", "channels = 0"), ("channels = 8", "channels = 8\non = 0")])
def test_a_board_whose_outputs_are_none_is_refused(old: str, new: str) -> None:
    """Bad input: no channel to switch, or one word for on and off, is found in the file and not at the contactor."""
    text = (shipped.folder() / "meters" / "generic-relay.toml").read_text("utf-8")
    assert old in text
    with pytest.raises(ConfigError, match="relay: needs at least one channel and on different from off"):
        profile.parse(text.replace(old, new).encode(), "generic-relay.toml", "generic-relay")


def test_an_unknown_model_names_the_nearest() -> None:
    """Bad input: `eastron-sdm603` is told to be `eastron-sdm630`."""
    with pytest.raises(ConfigError, match="did you mean 'eastron-sdm630'"):
        profile.load("eastron-sdm603")
    with pytest.raises(ConfigError, match="not a model name"):
        profile.load("../gateway")


def test_an_operators_folder_comes_first(tmp_path: Path) -> None:
    """An integrator adds or replaces a model without touching the package."""
    text = GOOD.replace('"hiking-dds238"', '"my-meter"')
    (tmp_path / "my-meter.toml").write_text(text, "utf-8")
    assert isinstance(profile.load("my-meter", tmp_path), Profile)
    assert "my-meter" in profile.known_models(tmp_path)
    assert "my-meter" not in profile.known_models()


def test_the_profile_in_the_documentation_is_right() -> None:
    """docs/meters.md: the example is a profile that loads, and the table names every shipped model."""
    text = (Path(__file__).parents[2] / "docs" / "meters.md").read_text("utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    assert profile.parse(example.encode(), "docs/meters.md", "my-model").can_bill
    told = text.replace("`-sdm", "`eastron-sdm")
    assert [name for name in profile.known_models() if f"`{name}`" not in told] == []


def test_a_file_too_large_for_a_profile_is_refused_unread(tmp_path: Path) -> None:
    """Bad input: an operator's profile of megabytes is named by `check` and by the daemon, and nothing is built."""
    own = tmp_path / "meters" / "hiking-dds238.toml"
    own.parent.mkdir()
    own.write_bytes(b"#" * (profile.MAX_PROFILE_BYTES + 1))
    _, errors, _ = examine(tmp_path)
    assert errors == [f"{own}: is larger than {profile.MAX_PROFILE_BYTES} bytes, which no profile is"]


def test_a_profile_that_cannot_be_read_is_a_configuration_mistake(tmp_path: Path) -> None:
    """Bad input: the file vanished, or its owner lets nobody read it: file and reason, no traceback."""
    with pytest.raises(ConfigError, match=r"x\.toml: cannot be read: No such file") as refusal:
        profile.read(tmp_path / "x.toml", "x")
    assert refusal.value.hint
