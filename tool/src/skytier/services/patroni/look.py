"""Asking the members of the database how they are."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.services.patroni.members import LOOK, Members, read


def look(hosts: Mapping[str, Host]) -> Members:
    """What the members of a database say, by their machines. Raises SkytierError."""
    with ThreadPoolExecutor(max(len(hosts), 1)) as pool:
        answers = dict(zip(hosts, pool.map(_ask, hosts.values()), strict=True))
    if not any(answers.values()):
        raise SkytierError(
            "No member of the database answers.", "See what is wrong: skytier status"
        )
    return read(answers)


def _ask(host: Host) -> str | None:
    try:
        return host.run(LOOK)
    except SkytierError:
        return None
