"""A web server that was drained for a change or a deletion that does not happen."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.errors import SkytierError
from skytier.openstack.machines.draining import DrainedServers
from skytier.openstack.machines.redis_members import RedisServers
from skytier.services.nginx.service import DRAIN, DRAINED, DRAINED_UNTIL_BOOT
from skytier.services.sentinel.service import LEAVE

KEY = Key("server", "shop-web-2")
FOUND = Found(KEY, "id", {"flavor": "m1.small"}, {"role": "web"})


class Machine:
    """It notes the scripts that it runs."""

    answer = ""
    refuses = "nothing"
    """What a script that is refused has in it."""

    def __init__(self, *, reachable: bool = True) -> None:
        self.scripts: list[str] = []
        self._reachable = reachable

    def enter(self, name: str, known: Known) -> "Machine":
        return self

    def run(self, script: str) -> str:
        self.scripts.append(script)
        if not self._reachable or self.refuses in script:
            raise SkytierError("It does not answer.")
        return self.answer


class Servers:
    """Nova, which resizes or does not."""

    fixed = frozenset[str]()

    def __init__(self, error: BaseException | None) -> None:
        self._error = error

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Any) -> Found:
        if self._error:
            raise self._error
        return found

    def delete(self, found: Found, tell: Any) -> None:
        if self._error:
            raise self._error


def servers(machine: Machine, error: BaseException | None) -> DrainedServers:
    return DrainedServers(cast(Any, Servers(error)), cast(Any, machine), Known(), "web")


def resized(machine: Machine, error: BaseException | None, flavor: str = "m1.large") -> Found:
    wanted = Wanted(KEY, {"flavor": flavor})
    return servers(machine, error).reconcile(wanted, FOUND, Known(), lambda _: None)


def test_it_is_drained_before_a_resize_only() -> None:
    machine = Machine()

    resized(machine, None, "m1.small")
    assert machine.scripts == []
    resized(machine, None)
    assert len(machine.scripts) == 1
    assert f"{DRAIN} --until-boot" in machine.scripts[0]


def deleted(machine: Machine, error: BaseException | None, found: Found = FOUND) -> None:
    servers(machine, error).delete(found, lambda _: None)


@pytest.mark.parametrize("taken_away", [resized, deleted])
@pytest.mark.parametrize("error", [SkytierError("No quota."), KeyboardInterrupt()])
@pytest.mark.parametrize("reachable", [True, False])
def test_it_serves_again_when_it_is_not_taken_away(
    taken_away: Callable[[Machine, BaseException], object], error: BaseException, reachable: bool
) -> None:
    machine = Machine(reachable=reachable)

    with pytest.raises(type(error)) as raised:
        taken_away(machine, error)

    assert raised.value is error
    assert DRAINED_UNTIL_BOOT in machine.scripts[-1]
    # What the operator drained stays so.
    assert DRAINED not in machine.scripts[-1]


def test_it_serves_again_when_its_drain_is_interrupted() -> None:
    machine = Machine()

    def stops(text: str) -> None:
        if text == "requests are open":
            raise KeyboardInterrupt

    machine.answer = "requests are open"
    with pytest.raises(KeyboardInterrupt):
        servers(machine, None).delete(FOUND, stops)

    drained, back = machine.scripts
    assert f"{DRAIN} --until-boot" in drained
    assert DRAINED_UNTIL_BOOT in back


@pytest.mark.parametrize(
    "other", [replace(FOUND, fault="it is in ERROR"), replace(FOUND, facts={"role": "database"})]
)
def test_one_that_is_never_drained_is_not_entered_when_it_stays(other: Found) -> None:
    machine = Machine()

    with pytest.raises(SkytierError, match="Nova refuses"):
        deleted(machine, SkytierError("Nova refuses."), other)

    assert machine.scripts == []


def test_what_was_prepared_before_is_taken_back_when_a_later_preparation_fails() -> None:
    """The web server has a member of Redis, too, which cannot hand over."""
    machine, nova = Machine(), Servers(None)
    machine.refuses = LEAVE
    redis = RedisServers(
        *(cast(Any, nova), cast(Any, machine), Known(), {("web", 2)}), goes_on=True
    )
    found = replace(FOUND, facts={"role": "web", "number": 2})

    with pytest.raises(SkytierError, match="It does not answer"):
        DrainedServers(redis, cast(Any, machine), Known(), "web").delete(found, lambda _: None)

    assert f"{DRAIN} --until-boot" in machine.scripts[0]
    assert machine.scripts[-1] == f"rm -f {DRAINED_UNTIL_BOOT}"
