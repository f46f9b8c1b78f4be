"""A guest that boots from a root volume: its flavor has no disk."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from skytier.poll import until
from tests.project.trees import write

from .account import Account, Operator
from .test_resources import changes

pytestmark = pytest.mark.large
FILES = {
    "requirements.txt": "# Nothing but what serves it.\n",
    "shop.py": """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"It runs."]
""",
}


def web_alone(name: str, root_gib: int) -> str:
    """The stack file of a web server that runs that application, on a volume."""
    return (
        f'name = "{name}"\nimage = "debian-12-skytier"\nflavor = "zero.tiny"\n'
        '[application]\nsource = "shop"\nserve = "shop:application"\ninterface = "wsgi"\n'
        f"requires = []\n[monitor]\nenabled = false\n[web]\nroot_gib = {root_gib}\n"
    )


def volumes(account: Account) -> list[Any]:
    return list(account.connection.block_storage.volumes(details=True))


@pytest.fixture(scope="module")
def url(account: Account, operator: Operator, name: str) -> Iterator[str]:
    write(operator.directory / "shop", FILES)
    operator.write(web_alone(name, 4))
    try:
        operator.run("up", "--yes")
        yield str(operator.json("status", code=None)["url"])
    finally:
        operator.run("down", "--yes")
        assert operator.json("status", code=3)["machines"] == []
        # Nova deletes it with its server, a moment later.
        assert until(lambda: not volumes(account), 60, 1)


def boots_from(account: Account, operator: Operator, size_gib: int) -> str:
    """The id of the only volume. The guest runs on it, and it is as large as that."""
    [volume] = volumes(account)
    assert (volume.status, volume.size) == ("in-use", size_gib)
    said = operator.run("exec", "web", "echo its disk: $(cat /sys/class/block/vda/size) sectors")
    assert int(said.partition("its disk:")[2].split()[0]) * 512 == size_gib * 2**30
    return str(volume.id)


def test_it_serves_and_on_a_volume_of_another_size_it_is_made_anew(
    account: Account, operator: Operator, name: str, url: str
) -> None:
    assert httpx.get(url, timeout=60).text == "It runs."
    first = boots_from(account, operator, 4)
    operator.ends_with(0, "plan", "--detailed-exitcode")

    operator.write(web_alone(name, 5))
    assert changes(operator) == {
        f"server {name}-web-1": "replace",
        f"root volume {name}-web-1": "create",
    }
    operator.run("up", "--yes")
    assert operator.json("status")["url"] == url
    assert httpx.get(url, timeout=60).text == "It runs."
    assert boots_from(account, operator, 5) != first
    operator.ends_with(0, "plan", "--detailed-exitcode")
