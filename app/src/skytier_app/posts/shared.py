"""Reading and writing posts for many at once: one statement for all who ask at the same time."""

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from functools import partial

import asyncpg

from skytier_app.batching import Batch, SingleFlight
from skytier_app.database import Database, Reader
from skytier_app.pagination import Position, Row, next_link
from skytier_app.posts import queries
from skytier_app.posts.models import PostQuery
from skytier_app.posts.queries import NewRow
from skytier_app.representation import Representation

PATH = "/api/posts"
PAGES_AT_ONCE = 16
"""How many pages one statement reads: its rows are read in one go, and block the event loop."""
CHARACTERS_AT_ONCE = 100_000
"""How much new text one statement stores: PostgreSQL indexes its words, which takes up to 0.3 s."""
LATE_S = 0.02
"""New posts wait so long for the statement that stores others. Fewer statements store more posts
each, so a post costs less. What takes longer, a long text or a slow disk, holds up nobody."""


class Changes:
    """Changes of posts, as one worker makes them."""

    def __init__(self, database: Database) -> None:
        self._new = Batch[NewRow, asyncpg.Record](
            lambda new: queries.create_posts(database, new),
            most=CHARACTERS_AT_ONCE,
            weigh=lambda new: len(new.content),
            late_s=LATE_S,
        )
        self.share = database.share(0.2)
        """Transactions that change posts take at most half of those allowed: indexing a long post
        takes long, and to sign in is a transaction too."""

    async def create(self, user_id: int, title: str, content: str) -> asyncpg.Record | None:
        """The new post; None when its author is gone."""
        return await self._new.get(NewRow(user_id, title, content))


class Posts:
    """The posts of a database, as one worker reads them."""

    def __init__(self, database: Reader) -> None:
        self._database = database
        self._posts = Batch[int, asyncpg.Record](lambda ids: queries.get_posts(database, ids))
        self._pages: dict[int, Batch[Position, Representation]] = {}
        self._lists = SingleFlight(self._list)
        # A search for a rare phrase of common words takes long: nothing else must wait for it.
        self._searches = database.share(0.3)

    async def post(self, post_id: int) -> asyncpg.Record | None:
        """A post with its author's name; None when there is none."""
        return await self._posts.get(post_id)

    async def list(self, query: PostQuery) -> Representation:
        """A page of the list, with the link to the next one."""
        after = query.position()
        if after is None or query.user_id is not None or query.q is not None:
            return await self._lists.get(query)
        if query.limit not in self._pages:
            find = partial(self._find_pages, query.limit)
            self._pages[query.limit] = Batch(find, most=PAGES_AT_ONCE)
        page = await self._pages[query.limit].get(after)
        assert page is not None  # noqa: S101  # `_find_pages` makes one for each
        return page

    async def _find_pages(
        self, limit: int, after: Collection[Position]
    ) -> dict[Position, Representation]:
        query = PostQuery(limit=limit)
        found = await queries.pages(self._database, limit + 1, after)
        return {position: _page(rows, query) for position, rows in found.items()}

    async def _list(self, query: PostQuery) -> Representation:
        async with self._searches.taken() if query.q is not None else nullcontext():
            rows = await queries.list_posts(
                self._database, query.limit + 1, query.position(), query.user_id, query.q
            )
        return _page(rows, query)


def _page(rows: Sequence[Row], query: PostQuery) -> Representation:
    return Representation.of(rows[: query.limit], next_link(PATH, rows, query))
