"""Refusals where others write too: not before all that others wrote is known."""

from __future__ import annotations

from admission_requests import pod, refusal, request
from orlop.admission.interface import Attributes
from orlop.admission.second_look import second_look


class World:
    """What a server knows, and what it hears when it catches up."""

    def __init__(self, known: bool, heard: bool) -> None:
        self.known, self._heard, self.asked = known, heard, 0

    async def catch_up(self) -> None:
        self.asked += 1
        self.known = self._heard

    def judge(self, attributes: Attributes) -> None:
        if not self.known:
            raise attributes.forbidden("unheard of")


def test_what_is_allowed_is_not_asked_again() -> None:
    """It costs no wait."""
    world = World(True, False)
    assert second_look(world.judge, world.catch_up)(request(pod())) is None and not world.asked


def test_news_of_others_can_turn_a_refusal() -> None:
    """The second word counts, either way."""
    for heard, said in ((True, ""), (False, "unheard of")):
        world = World(False, heard)
        assert refusal(second_look(world.judge, world.catch_up), request(pod())) == said
        assert world.asked == 1


def test_alone_the_first_word_counts() -> None:
    """Nobody is waited for, and the step is the judge itself."""
    world = World(False, True)
    step = second_look(world.judge, None)
    assert step == world.judge and refusal(step, request(pod())) == "unheard of"
