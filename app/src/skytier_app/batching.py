"""Look-ups that are wanted at the same time are made in one batch.

No caller gets an answer that was read before it asked: a key that comes while a batch is at the
database goes into the next batch. No caller fails because of another key: the keys of a failed
batch are looked up again, one by one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import Generic, TypeVar

from skytier_app.database import DatabaseUnavailable, StatementTimeout

AGAIN_AT_ONCE = 4
"""How many keys of a failed batch are looked up again at the same time."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Batch(Generic[K, V]):
    """Finds values by their keys, at most `at_once` batches at a time.

    A batch has all keys that wait, or, with `most`, the keys that have waited longest up to that
    weight. With `late_s` it also waits for the batch before it, until that has taken so long: so
    batches are fewer and larger. `find` must have done nothing when it raises anything but
    DatabaseUnavailable: it is then called again, with one key at a time.
    """

    def __init__(
        self,
        find: Callable[[Collection[K]], Awaitable[Mapping[K, V]]],
        at_once: int = 2,
        most: int | None = None,
        weigh: Callable[[K], int] = lambda _: 1,
        late_s: float = 0,
    ) -> None:
        # Two by default: one is at the database while the results of the other are handed out, and
        # one that hangs does not block the next.
        self._find = find
        self._at_once = at_once
        self._most = most
        self._weigh = weigh
        self._late_s = late_s
        self._waiting: defaultdict[K, list[asyncio.Future[V | None]]] = defaultdict(list)
        self._workers: set[asyncio.Task[None]] = set()
        self._in_time: asyncio.Task[None] | None = None
        """The worker that the next batch waits for."""

    @property
    def is_idle(self) -> bool:
        """Whether no caller waits for a value."""
        return not self._workers

    async def get(self, key: K) -> V | None:
        """The value; None when nothing was found for the key. Raises what `find` raised."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting[key].append(answer)
        self._begin()
        return await answer

    def _begin(self) -> None:
        if self._waiting and len(self._workers) < self._at_once and self._in_time is None:
            worker = asyncio.create_task(self._answer_all())
            self._workers.add(worker)
            if self._late_s:
                self._in_time = worker

    async def _answer_all(self) -> None:
        worker = asyncio.current_task()
        assert worker is not None  # noqa: S101  # `_begin` makes it one
        try:
            while self._waiting and self._in_time in (None, worker):
                if self._late_s:
                    await self._answer_in_time(worker)
                else:
                    await self._answer(self._next())
        finally:
            # In the same turn that found no key waiting: the next key needs a new worker.
            self._workers.discard(worker)
            if self._in_time is worker:
                self._in_time = None

    async def _answer_in_time(self, worker: asyncio.Task[None]) -> None:
        """Answer a batch. The next one waits for it until it is late."""

        def be_late() -> None:
            self._in_time = None
            self._begin()

        self._in_time = worker
        late = asyncio.get_running_loop().call_later(self._late_s, be_late)
        try:
            await self._answer(self._next())
        finally:
            late.cancel()

    def _next(self) -> Mapping[K, list["asyncio.Future[V | None]"]]:
        if self._most is None:
            waiting, self._waiting = self._waiting, defaultdict(list)
            return waiting
        keys: list[K] = []
        weight = 0
        for key in self._waiting:
            weight += self._weigh(key)
            if keys and weight > self._most:
                break
            keys.append(key)
        return {key: self._waiting.pop(key) for key in keys}

    async def _answer(self, waiting: Mapping[K, list["asyncio.Future[V | None]"]]) -> None:
        try:
            found = await self._find(waiting.keys())
        except Exception as error:
            if len(waiting) > 1 and _is_of_one(error):
                await self._answer_one_by_one(waiting)
                return
            for answers in waiting.values():
                for answer in answers:
                    if not answer.done():
                        answer.set_exception(error)
            return
        for key, answers in waiting.items():
            for answer in answers:
                if not answer.done():  # its caller may have been cancelled
                    answer.set_result(found.get(key))

    async def _answer_one_by_one(
        self, waiting: Mapping[K, list["asyncio.Future[V | None]"]]
    ) -> None:
        turns = asyncio.Semaphore(AGAIN_AT_ONCE)

        async def again(key: K) -> None:
            async with turns:
                await self._answer({key: waiting[key]})

        async with asyncio.TaskGroup() as group:
            for key in waiting:
                group.create_task(again(key))


def _is_of_one(error: Exception) -> bool:
    """Whether one key may be the reason, so that the others can still be found."""
    return isinstance(error, StatementTimeout) or not isinstance(error, DatabaseUnavailable)


class SingleFlight(Generic[K, V]):
    """Answers a question once for all callers that wait for the same key; keys run concurrently."""

    def __init__(self, answer: Callable[[K], Awaitable[V]]) -> None:
        self._answer = answer
        self._under_way: dict[K, Batch[K, V]] = {}

    async def get(self, key: K) -> V:
        """The answer. Raises what the question raised."""

        async def find(_: Collection[K]) -> Mapping[K, V]:
            return {key: await self._answer(key)}

        batch = self._under_way.setdefault(key, Batch(find, at_once=1))
        try:
            found = await batch.get(key)
        finally:
            if batch.is_idle and self._under_way.get(key) is batch:
                del self._under_way[key]
        assert found is not None  # noqa: S101  # `find` has just put it there
        return found
