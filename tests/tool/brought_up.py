"""What there is once a stack is up, for tests of what is wanted."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Wanted


def brought_up(
    asked: Callable[[Known], Sequence[Wanted]],
    facts: Callable[[int, Wanted], Mapping[str, Any]],
    id_of: Callable[[Key], str] = "id of {}".format,
) -> Known:
    """All that is wanted by what is known, found as it is wanted.

    `facts` are those of one, by its place among all and what is wanted of it.
    """
    known = Known()
    # Twice: configurations go by the addresses and the ids of the others.
    for _ in range(2):
        made = asked(known)
        ids = Known({each.key: Found(each.key, id_of(each.key), {}) for each in made})
        for number, each in enumerate(made):
            found = facts(number, each)
            known[each.key] = Found(each.key, ids[each.key].id, ids.attributes(each), found)
    return known
