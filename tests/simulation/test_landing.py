"""What a landing plays: its seeds are chosen, and hold every named fault. Plans are cheap; nothing is run here."""

from __future__ import annotations

import functools

from tests.proof import PROOFS
from tests.simulation.incidents import KINDS, plan_of
from tests.simulation.world import DAY_S, setting_of

NAMED = frozenset({
    "about_to_wrap", "reset", "stuck", "broker_away_for_weeks", "reordered", "held_back", "overtaken", "restart",
    "unplugged", "exception", "goes_back", "goes_ahead", "frozen", "junk",
})  # fmt: skip
"""Threats of the reliability plan that one kind of incident stands for; a landing has each of them."""
SHARE = 0.9
"""Of all kinds; the rest is for the full proof."""
DAYS = 7.0


@functools.cache
def _planned() -> dict[str, list[float]]:
    """By kind: how many days before the end of its run each incident of the landing is."""
    words = next(proof for proof in PROOFS if proof.name == "simulation").quick.split()
    first, runs = (int(words[words.index(option) + 1]) for option in ("--seed", "--runs"))
    assert "--days" not in words
    assert "--kinds" not in words
    found: dict[str, list[float]] = {}
    for seed in range(first, first + runs):
        setting = setting_of(seed, DAYS)
        for one in plan_of(setting):
            found.setdefault(one.kind, []).append(setting.days - one.at_s / DAY_S)
    return found


def test_a_landing_plays_every_named_fault() -> None:
    """Threats 8, 14, 15, 17, 19, 20, 25: the seeds of the landing have each of them; choose others if this fails."""
    planned = set(_planned())
    assert set(KINDS) >= NAMED
    assert not NAMED - planned


def test_a_landing_plays_almost_every_kind() -> None:
    """G1: a change that breaks one kind of incident is found before it lands, not by the full proof."""
    planned = set(_planned())
    assert len(planned) >= SHARE * len(KINDS), f"not planned: {sorted(set(KINDS) - planned)}"


def test_the_broker_is_away_for_days_and_comes_back() -> None:
    """Threat 19: in a run of a week, weeks without a broker last until everything heals; a day of it at least."""
    assert max(_planned()["broker_away_for_weeks"]) > 1
