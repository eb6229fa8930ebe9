"""Who was answered does not ask again before its time, even if the clock did not believe the answer."""

import pytest

from gateway.errors import CommandRefused
from gateway.headend.timesync import NUDGE_MS
from tests.headend.test_timesync import Scene, scene, settled


def test_a_refused_answer_is_not_asked_again_by_every_command() -> None:
    """Decision 16: the head-end did answer, so what it signs next is no reason to ask before half a minute is over."""

    async def story(it: Scene) -> None:
        it.verdict = False
        with pytest.raises(CommandRefused, match="clock_untrusted"):
            it.answer()
        it.clock.advance(NUDGE_MS + 1)
        it.sync.nudge()
        await settled()
        assert len(it.line.sent) == 1
        it.clock.asleep[30.0].set()
        await settled()
        assert len(it.line.sent) == 2

    scene(story)
