"""A web server that was drained for a change that does not happen."""

from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.errors import SkytierError
from skytier.openstack.machines.draining import DrainedServers
from skytier.services.nginx.service import DRAIN, DRAINED, DRAINED_UNTIL_BOOT

KEY = Key("server", "shop-web-2")
FOUND = Found(KEY, "id", {"flavor": "m1.small"}, {"role": "web"})


class Machine:
    """It notes the scripts that it runs."""

    def __init__(self, *, reachable: bool = True) -> None:
        self.scripts: list[str] = []
        self._reachable = reachable

    def enter(self, name: str, known: Known) -> "Machine":
        return self

    def run(self, script: str) -> str:
        self.scripts.append(script)
        if not self._reachable:
            raise SkytierError("It does not answer.")
        return ""


class Servers:
    """Nova, which resizes or does not."""

    fixed = frozenset[str]()

    def __init__(self, error: BaseException | None) -> None:
        self._error = error

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Any) -> Found:
        if self._error:
            raise self._error
        return found


def resized(machine: Machine, error: BaseException | None, flavor: str = "m1.large") -> Found:
    kind = DrainedServers(cast(Any, Servers(error)), cast(Any, machine), Known(), "web")
    return kind.reconcile(Wanted(KEY, {"flavor": flavor}), FOUND, Known(), lambda _: None)


def test_it_is_drained_before_a_resize_only() -> None:
    machine = Machine()

    resized(machine, None, "m1.small")
    assert machine.scripts == []
    resized(machine, None)
    assert len(machine.scripts) == 1
    assert f"{DRAIN} --until-boot" in machine.scripts[0]


@pytest.mark.parametrize("error", [SkytierError("No quota."), KeyboardInterrupt()])
@pytest.mark.parametrize("reachable", [True, False])
def test_it_serves_again_when_it_is_not_resized(error: BaseException, reachable: bool) -> None:
    machine = Machine(reachable=reachable)

    with pytest.raises(type(error)) as raised:
        resized(machine, error)

    assert raised.value is error
    assert DRAINED_UNTIL_BOOT in machine.scripts[-1]
    # What the operator drained stays so.
    assert DRAINED not in machine.scripts[-1]
