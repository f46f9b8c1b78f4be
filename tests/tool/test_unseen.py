"""What the cloud does not let a project list: nobody says that there is nothing of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openstack.exceptions import HttpException

from skytier.deploy.kind import Found, Key, Kind, UnseenError
from skytier.openstack import catalog
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.plan.kinds import find_all
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.volume import Volume
from skytier.openstack.stack import CloudStack
from skytier.stackfile import StackFile, parse


def volumes(status: int) -> Volume:
    """Volumes of a Cinder that answers nothing but this."""

    def refuse(**query: object) -> Iterator[object]:
        raise HttpException("no", http_status=status)

    connection = SimpleNamespace(block_storage=SimpleNamespace(volumes=refuse))
    return Volume(Project(cast(Any, connection), "shop"), there=True)


class Servers:
    """A kind that finds a server, once."""

    fixed: frozenset[str] = frozenset()
    name = "server"

    def __init__(self, *attached: str) -> None:
        facts = {"volumes": list(attached), "metadata": {}}
        self.there = [Found(Key("server", "shop-web-1"), "1", {}, facts)]

    def find(self) -> list[Found]:
        return self.there


@pytest.mark.parametrize("status", [403, 404])
def test_a_cinder_that_shows_nothing_is_not_one_without_volumes(status: int) -> None:
    with pytest.raises(UnseenError, match=f"Cinder answers {status}"):
        list(volumes(status).find())


def test_another_error_of_cinder_s_is_no_refusal() -> None:
    with pytest.raises(HttpException):
        list(volumes(400).find())


def test_what_cannot_be_listed_is_told_beside_what_can() -> None:
    unseen: list[UnseenError] = []
    kinds = cast(list[Kind], [Servers(), volumes(403)])
    assert [found.key.name for found in find_all(kinds, unseen)] == ["shop-web-1"]
    assert len(unseen) == 1
    with pytest.raises(UnseenError):
        find_all(kinds)


@pytest.fixture
def make_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(catalog, "services", lambda conn: {"compute", "volumev3"})

    def make(file: str, servers: Servers, status: int = 403) -> CloudStack:
        wanted: StackFile = parse(file)
        stack = CloudStack(cast(Any, _Nothing()), wanted, "mycloud")
        stack.kinds = cast(Any, {"server": servers, "volume": volumes(status)})
        stack.operator = OperatorFiles(tmp_path)

        @contextmanager
        def held(*_: object) -> Iterator[None]:
            yield

        monkeypatch.setattr(stack, "held", held)
        return stack

    return make


class _Nothing:
    """A connection that is never asked for anything."""

    def __getattr__(self, name: str) -> "_Nothing":
        return self


def test_a_stack_without_a_volume_needs_no_cinder(make_stack: Any) -> None:
    assert len(make_stack("", Servers()).find()) == 1


@pytest.mark.parametrize(
    ("file", "attached"), [("database.volume_gib = 10", []), ("", ["a-volume"])]
)
def test_no_plan_is_made_for_a_stack_whose_volume_cannot_be_seen(
    make_stack: Any, file: str, attached: list[str]
) -> None:
    with pytest.raises(UnseenError):
        make_stack(file, Servers(*attached)).find()


def test_down_deletes_what_it_sees_and_does_not_claim_that_nothing_is_left(
    make_stack: Any,
) -> None:
    servers = Servers()
    stack = make_stack("", servers)
    servers.there = []
    with pytest.raises(UnseenError, match=r"All that was found .* Cinder answers 403"):
        stack.down(cast(Any, None))
