from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.drafts import A1, GATEWAY, GOOD, HEADEND, M1, M2, examine


def test_the_draft_is_good(tmp_path: Path) -> None:
    """The draft that the other tests spoil has no mistake and no warning but the example tariff."""
    installation, errors, warnings = examine(tmp_path)
    assert errors == []
    assert installation is not None
    assert all("example" in warning or "relay inside the meter" in warning for warning in warnings)
    settings = installation.configuration.settings
    assert [meter.id for meter in settings.meter] == ["m1", "m2"]
    assert settings.meter[0].poll_s == 10
    assert settings.account[0].opening_balance == "20.00"


TYPE_MISTAKES = [
    pytest.param(
        GOOD.replace(M1, M1 + "pol_s = 5\n"),
        ["[[meter]] 'm1' pol_s", "unknown key", "did you mean 'poll_s'?"],
        id="unknown key, nearest named",
    ),
    pytest.param(
        GOOD.replace("[[account]]", "[[acount]]"),
        ["[acount]", "unknown table", "did you mean 'account'?"],
        id="unknown table, nearest named",
    ),
    pytest.param(
        GOOD.replace("rated_power_w = 13800", 'rated_power_w = "3kWh"'),
        ["[[meter]] 'm1' rated_power_w", "'3kWh'", "an energy, 3000 Wh, not a power", "3000 for 3 kW"],
        id="energy for power",
    ),
    pytest.param(
        GOOD.replace("rated_power_w = 13800", 'rated_power_w = "13.8 kW"'),
        ["[[meter]] 'm1' rated_power_w", "(that is 13800)", "without quotes"],
        id="power with a unit",
    ),
    pytest.param(
        GOOD.replace('address = 1\nmodel = "hiking', 'address = 300\nmodel = "hiking'),
        ["[[meter]] 'm1' address", "300", "1 to 247"],
        id="address beyond Modbus",
    ),
    pytest.param(
        GOOD.replace('model = "hiking', 'model = "' + "x" * 300 + "hiking"),
        ["[[meter]] 'm1' model", "length <= 100"],
        id="a model no file can be named after",
    ),
    pytest.param(
        GOOD.replace("contract_power_w = 3000", "contract_power_w = 3000\nplant_power_w = 10000000", 1),
        ["[[account]] 'CH-0001' plant_power_w", "<= 9999999, not 10000000", "whole number of W"],
        id="a plant of 10,000 kW (S4-15)",
    ),
    pytest.param(
        GOOD.replace("contract_power_w = 3000", "contract_power_w = 3000\nplant_power_w = -1", 1),
        ["[[account]] 'CH-0001' plant_power_w", ">= 0, not -1"],
        id="a plant of less than nothing",
    ),
    pytest.param(
        GOOD.replace('kind = "rtu"', 'kind = "serial"'),
        ["[[bus]] 'rs485-1' kind", '"rtu" or "tcp"'],
        id="unknown kind of bus",
    ),
    pytest.param(
        GOOD.replace('switch = { kind = "meter" }', 'switch = { kind = "metre" }'),
        ["[[meter]] 'm1' switch.kind", '"meter", "relay" or "output"'],
        id="unknown kind of switch",
    ),
    pytest.param(
        GOOD.replace('limiter = { kind = "switched" }\n\n[[meter]]', 'limiter = "switched"\n\n[[meter]]'),
        ["[[meter]] 'm1' limiter", '{ kind = "threshold" }'],
        id="limiter is no table",
    ),
    pytest.param(
        GOOD.replace('id = "gw-1"', 'id = "gw/1"'),
        ["[gateway] id", "'gw/1'", "letters, digits"],
        id="an id that is no MQTT topic level",
    ),
    pytest.param(
        GOOD.replace('id = "CH-0001"\n', ""),
        ["[[account]] number 1 id", "missing"],
        id="a table without id is named by its number",
    ),
    pytest.param(GOOD.replace(HEADEND, ""), ["[headend]", "missing"], id="no head-end"),
    pytest.param(GOOD.replace(GATEWAY, ""), ["[gateway]", "missing"], id="no gateway"),
    pytest.param(GOOD.replace(M1, "").replace(M2, ""), ["[[meter]]", "there is none"], id="no meter"),
    pytest.param(GOOD.replace("[[bus]]", "[bus]", 1), ["TOML"], id="one bracket and two for the same table"),
    pytest.param(
        GOOD.replace(A1, A1 + 'opening_register_wh = "12"\n'),
        ["[[account]] 'CH-0001' opening_register_wh", "a whole number of Wh"],
        id="text for a number of Wh",
    ),
    pytest.param(
        GOOD.replace('opening_balance = "20.00"', "opening_balance = 20.0", 1),
        ["[[account]] 'CH-0001' opening_balance", 'in quotes like "20.00"'],
        id="money as a binary number",
    ),
]


@pytest.mark.parametrize(("text", "said"), TYPE_MISTAKES)
def test_a_wrong_table_is_refused_with_key_value_and_what_would_be_right(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    """Unknown keys, wrong types, wrong units are refused: file, key, value, what would be right (issue 2, part 7)."""
    installation, errors, _ = examine(tmp_path, text)
    assert installation is None
    assert len(errors) == 1, errors
    assert str(tmp_path / "gateway.toml") in errors[0]
    for part in said:
        assert part in errors[0]


def test_every_wrong_table_is_reported_in_one_go(tmp_path: Path) -> None:
    """A technician corrects a file once, not once per mistake."""
    text = GOOD.replace("rated_power_w = 13800", "rated_power_w = -1").replace('timezone = "Europe/Zurich"\n', "")
    _, errors, _ = examine(tmp_path, text.replace("contract_power_w = 3000", "contract_power_w = 3.5"))
    assert len(errors) == 4
    assert [key for key in ("timezone", "rated_power_w", "CH-0001", "CH-0002") if key in "\n".join(errors)] == [
        "timezone",
        "rated_power_w",
        "CH-0001",
        "CH-0002",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD.replace("[gateway]", "[[gateway]]"),
            ["[gateway]", "is not one table", "write [gateway] on a line of its"],
        ),
        (GOOD.replace(HEADEND, "[[headend]]\nport = 1\n"), ["[headend]", "is not one table", "write [headend] on a"]),
        (GATEWAY + HEADEND + "[bus]\nid = 'b'\n", ["[[bus]]", "is not a list of tables", "two brackets on each side"]),
        ("meter = [1]\n" + GATEWAY + HEADEND, ["[[meter]]", "is not a list of tables", "two brackets on each side"]),
    ],
)
def test_a_table_with_the_wrong_brackets_is_told_the_right_ones(tmp_path: Path, text: str, said: list[str]) -> None:
    """Bad input: one bracket for two or two for one is the commonest mistake in TOML, and it is named as such."""
    _, errors, _ = examine(tmp_path, text)
    assert any(all(word in error for word in said) for error in errors), errors
