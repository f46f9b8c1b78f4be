"""Lists of Glance's, in as few calls as it allows."""

from collections.abc import Iterable
from typing import Any

from openstack.connection import Connection

PAGE = 1000
"""The most that Glance gives at once; it gives 25 unless it is asked for more."""


def images(connection: Connection, **query: Any) -> Iterable[Any]:
    """All images that the project sees and that fit the query."""
    # As an argument, `limit` makes openstacksdk ask for one page more than there is.
    found: Iterable[Any] = connection.image.images(base_path=f"/images?limit={PAGE}", **query)
    return found
