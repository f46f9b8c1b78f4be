"""Questions that are asked at the same time, answered together.

Nobody is answered from before their question: who comes while the database is at work waits for
the next answer, and does not get the one under way.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Batch(Generic[K, V]):
    """Finds values by their keys: `at_once` questions at a time, each for all keys wanted by then,
    or for the `most` that have waited longest."""

    def __init__(
        self,
        find: Callable[[Collection[K]], Awaitable[Mapping[K, V]]],
        at_once: int = 2,
        most: int | None = None,
    ) -> None:
        # Two by default: one is at the database while the answer to the other is handed out, and
        # one that hangs holds nobody else up.
        self._find = find
        self._at_once = at_once
        self._most = most
        self._waiting: defaultdict[K, list[asyncio.Future[V | None]]] = defaultdict(list)
        self._workers: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for an answer."""
        return not self._workers

    async def get(self, key: K) -> V | None:
        """The value; None when nothing was found for the key. Raises what the question raised."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting[key].append(answer)
        if len(self._workers) < self._at_once:
            self._workers.add(asyncio.create_task(self._answer_all()))
        return await answer

    async def _answer_all(self) -> None:
        worker = asyncio.current_task()
        assert worker is not None  # noqa: S101  # `get` makes it one
        try:
            while self._waiting:
                await self._answer(self._next())
        finally:
            # In the same turn that found nobody waiting: whoever comes later needs a new one.
            self._workers.discard(worker)

    def _next(self) -> Mapping[K, list["asyncio.Future[V | None]"]]:
        if self._most is not None and len(self._waiting) > self._most:
            keys = [*islice(self._waiting, self._most)]
            return {key: self._waiting.pop(key) for key in keys}
        waiting, self._waiting = self._waiting, defaultdict(list)
        return waiting

    async def _answer(self, waiting: Mapping[K, list["asyncio.Future[V | None]"]]) -> None:
        try:
            found = await self._find(waiting.keys())
        except Exception as error:  # it is theirs who asked
            for answers in waiting.values():
                for answer in answers:
                    if not answer.done():
                        answer.set_exception(error)
            return
        for key, answers in waiting.items():
            for answer in answers:
                if not answer.done():  # or given up
                    answer.set_result(found.get(key))


class Shared(Generic[K, V]):
    """Answers a question once for all who wait for the same, and different ones side by side."""

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
