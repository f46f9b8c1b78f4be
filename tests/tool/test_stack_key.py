"""Several operators, of whom each sees only the own key pair: which key the machines let in."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, nothing_to_do
from skytier.errors import SkytierError
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.machines.stack_key import public_key
from skytier.openstack.resources.key_pair import KeyPair
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.server import PUBLIC_KEY, Server
from skytier.stackfile import parse
from tests.tool.test_order import all_wanted, other, planned, there

PAIR, WEB = Key("key pair", "skytier-key-pair"), Key("server", "skytier-web-1")
STACK = parse("web.image = 'debian-12'")
FIRST, SECOND = "ssh-ed25519 first", "ssh-ed25519 second"


def server(number: int, key: str = "", created_at: str = "2026") -> Found:
    metadata = {PUBLIC_KEY: key} if key else {}
    name = f"skytier-web-{number}"
    return Found(Key("server", name), name, {}, {"metadata": metadata}, created_at=created_at)


def pair(key: str) -> Found:
    return Found(PAIR, PAIR.name, {"public_key": key}, {"public_key": key})


@pytest.mark.parametrize("found", [[server(1)], [server(1), server(2, FIRST)], [server(1, FIRST)]])
def test_a_second_user_without_the_key_makes_none_and_is_refused(
    found: list[Found], tmp_path: Path
) -> None:
    operator = OperatorFiles(tmp_path / "second")

    key = public_key(found, operator)

    assert not operator.path.exists()
    assert not operator.has_key(key)
    with pytest.raises(SkytierError, match="The stack's SSH key is not on this machine"):
        operator.check_key(key)


def test_a_second_user_with_another_key_is_refused_whatever_pair_they_have(tmp_path: Path) -> None:
    operator = OperatorFiles(tmp_path)
    own = operator.public_key()
    for found in ([server(1, FIRST)], [pair(own), server(1), server(2, FIRST)]):
        with pytest.raises(SkytierError, match="is another than the stack's machines let in"):
            operator.check_key(public_key(found, operator))


def test_one_with_the_copied_key_goes_on(tmp_path: Path) -> None:
    operator = OperatorFiles(tmp_path)
    own = operator.public_key()
    for found in ([server(1, own)], [pair(own), server(1)], [server(1)], []):
        assert public_key(found, operator) == own


def test_a_new_stack_gets_a_new_key(tmp_path: Path) -> None:
    operator = OperatorFiles(tmp_path / "new")
    assert operator.has_key(public_key([], operator))


def test_the_oldest_server_tells(tmp_path: Path) -> None:
    found = [server(1, SECOND, "2027"), pair(SECOND), server(2, FIRST, "2026")]
    assert public_key(found, OperatorFiles(tmp_path)) == FIRST


def test_a_pair_of_another_key_is_replaced_and_no_server_with_it() -> None:
    found = there(STACK)
    assert nothing_to_do(planned(STACK, found))

    found[PAIR] = other(found[PAIR], public_key=SECOND)
    changed = [(s.action, s.key) for s in planned(STACK, found) if s.action is not Action.KEEP]
    assert changed == [(Action.REPLACE, PAIR)]

    del found[PAIR]  # another user's
    changed = [(s.action, s.key) for s in planned(STACK, found) if s.action is not Action.KEEP]
    assert changed == [(Action.CREATE, PAIR)]


def test_a_new_server_says_which_key_it_lets_in() -> None:
    made = list[dict[str, Any]]()

    class Nova:
        def create_server(self, **body: Any) -> SimpleNamespace:
            made.append(body)
            return SimpleNamespace(id="s")

        def create_keypair(self, name: str, public_key: str) -> SimpleNamespace:
            return SimpleNamespace(name=name, public_key=public_key)

    connection = cast(Any, SimpleNamespace(compute=Nova()))
    project = Project(connection, "skytier")
    known = Known(there(STACK))
    wanted = {each.key: each for each in all_wanted(STACK, known)}
    known[PAIR] = KeyPair(project).create(wanted[PAIR], known)
    asked = replace(wanted[WEB], creation={**wanted[WEB].creation, "image_id": "i"})

    Server(project).create(asked, known)

    assert known[PAIR].attributes == wanted[PAIR].attributes
    assert made[0]["key_name"] == PAIR.name
    assert made[0]["metadata"][PUBLIC_KEY] == "ssh-ed25519 key"
