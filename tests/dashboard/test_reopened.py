"""A source that goes away and comes back while somebody looks."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from skytier.errors import SkytierError
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.prometheus import Prometheus
from skytier.metrics.reopened import Reopened, reopened

CPU = BY_ID["cpu_percent"]
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}


class Way:
    """Opens a Prometheus whose answers are `answer`'s, and counts."""

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.answer = httpx.Response(200, json=EMPTY)
        self.fault: Exception | None = None

    @contextmanager
    def open(self) -> Iterator[Prometheus]:
        self.opened += 1
        if self.opened == 1 and isinstance(self.fault, SkytierError):
            raise self.fault
        yield Prometheus("http://127.0.0.1:9", httpx.MockTransport(self._handle))
        self.closed += 1

    def _handle(self, _: httpx.Request) -> httpx.Response:
        if self.fault:
            raise self.fault
        return self.answer


def test_it_is_opened_once_for_many_questions_and_closed_at_the_end() -> None:
    way = Way()
    with reopened(way.open) as source:
        assert source.name == "nothing yet"
        for _ in range(3):
            assert source.latest(CPU) == []
        assert (way.opened, way.closed, source.name) == (1, 0, "Prometheus")
    assert way.closed == 1


def test_one_that_was_lost_is_opened_anew() -> None:
    way = Way()
    with reopened(way.open) as source:
        source.latest(CPU)
        way.fault = httpx.ConnectError("refused")
        with pytest.raises(SkytierError, match="does not answer"):
            source.latest(CPU)
        way.fault = None
        source.latest(CPU)
        assert (way.opened, way.closed) == (2, 1)


def test_a_question_that_is_refused_does_not_close_the_way() -> None:
    way = Way()
    way.answer = httpx.Response(400, json={"status": "error", "error": "parse error"})
    with reopened(way.open) as source:
        with pytest.raises(SkytierError, match="refused the query"):
            source.latest(CPU)
        assert (way.opened, way.closed) == (1, 0)


def test_many_who_ask_do_not_each_wait_for_a_way_that_is_not_there() -> None:
    way = Way()
    way.fault = SkytierError("The machine cannot be reached.", "See skytier status.")
    source = Reopened(way.open)
    for _ in range(5):
        with pytest.raises(SkytierError, match="cannot be reached") as raised:
            source.latest(CPU)
        assert raised.value.do == "See skytier status."
    assert way.opened == 1
