"""The stable code of each reason why something is not done: `E-`, an area, a number. A code never changes its meaning.

The texts are in `config/console/<language>.toml`, by code; a test holds the two together. Support asks for the code, so
the language does not matter. Codes are given once and never again: a new reason takes the next number of its area.
"""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    # asking
    "unknown_action": "E-ASK-01",
    "bad_arguments": "E-ASK-02",
    "line_too_long": "E-ASK-03",
    "not_json": "E-ASK-04",
    "too_many_lines": "E-ASK-05",
    "answer_too_long": "E-ASK-06",
    # who may
    "not_allowed_here": "E-AUT-01",
    "code_needed": "E-AUT-02",
    "wrong_login": "E-AUT-03",
    "wrong_code": "E-AUT-04",
    "locked_out": "E-AUT-05",
    "no_challenge": "E-AUT-06",
    "code_expired": "E-AUT-07",
    "code_mistyped": "E-AUT-08",
    "no_service_key": "E-AUT-09",
    "not_recorded": "E-AUT-10",
    "session_ended": "E-AUT-11",
    "passwords_lost": "E-AUT-12",
    "no_password": "E-AUT-13",
    "changed_already": "E-AUT-14",
    "password_length": "E-AUT-15",
    "password_capital": "E-AUT-16",
    "password_digit": "E-AUT-17",
    "password_special": "E-AUT-18",
    "unknown_user": "E-AUT-19",
    "too_many_users": "E-AUT-20",
    "too_many_logins": "E-AUT-21",
    # top-ups
    "code_length": "E-TOP-01",
    "code_characters": "E-TOP-02",
    "code_groups": "E-TOP-03",
    "code_not_genuine": "E-TOP-04",
    "which_account": "E-TOP-05",
    "total_mismatch": "E-TOP-06",
    "sequence_gap": "E-TOP-07",
    "above_cap": "E-TOP-08",
    "balance_above_cap": "E-TOP-09",
    "books_unconfirmed": "E-TOP-10",
    "account_closed": "E-TOP-11",
    # envelopes
    "malformed": "E-ENV-01",
    "too_large": "E-ENV-02",
    "bad_signature": "E-ENV-03",
    "unknown_key": "E-ENV-04",
    "wrong_audience": "E-ENV-05",
    "not_allowed": "E-ENV-06",
    "busy": "E-ENV-07",
    "stale_command": "E-ENV-08",
    "expired": "E-ENV-09",
    # field work
    "supply_full": "E-FLD-01",
    "override_in_force": "E-FLD-02",
    "no_override": "E-FLD-03",
    "override_bounds": "E-FLD-04",
    "supply_locked_out": "E-FLD-05",
    "no_lockout": "E-FLD-06",
    "rollback_suspected": "E-FLD-07",
    "not_armed": "E-FLD-08",
    "no_consent": "E-FLD-09",
    "no_technician": "E-FLD-10",
    "wrong_serial": "E-FLD-11",
    "implausible_register": "E-FLD-12",
    "new_meter_silent": "E-FLD-13",
    "not_that_meter": "E-FLD-14",
    "start_above_register": "E-FLD-15",
    "no_test": "E-FLD-16",
    "test_exists": "E-FLD-17",
    "test_ended": "E-FLD-18",
    "too_many_tests": "E-FLD-19",
    "clock_untrusted": "E-FLD-20",
    "contradictory_date": "E-FLD-21",
    "no_data": "E-FLD-22",
    "too_many_readings": "E-FLD-23",
    "lower_than_last": "E-FLD-24",
    "no_job": "E-FLD-25",
    "job_state": "E-FLD-26",
    "outage_length": "E-FLD-27",
    "outage_over": "E-FLD-28",
    "outage_exists": "E-FLD-29",
    "too_many_outages": "E-FLD-30",
    "no_outage": "E-FLD-31",
    # sticks and documents
    "no_stick": "E-USB-01",
    "stick_read_only": "E-USB-02",
    "stick_full": "E-USB-03",
    "stick_failed": "E-USB-04",
    "too_long": "E-DOC-01",
    "too_old": "E-DOC-02",
    "empty_period": "E-DOC-03",
    "in_the_future": "E-DOC-04",
    # meters
    "meter_failed": "E-MET-01",
    "no_such_meter": "E-MET-02",
    "which_meter": "E-MET-03",
    "no_switch": "E-MET-04",
    "supply_not_on": "E-MET-05",
    "no_such_bus": "E-BUS-01",
    "which_bus": "E-BUS-02",
    # accounts
    "account_not_named": "E-ACC-01",
    "unknown_account": "E-ACC-02",
    "no_reason": "E-REA-01",
}
OTHER = "E-CMD-00"
"""A refusal of the books or of a command that has no code of its own: its reason says it."""


def code_of(reason: str) -> str:
    """The code of a reason; `OTHER` for one without."""
    return CODES.get(reason, OTHER)
