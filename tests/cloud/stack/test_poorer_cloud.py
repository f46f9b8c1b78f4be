"""A stack on a cloud with the microversions of Queens that shows members little, or has no Cinder.

Servers are those of Nova's fake driver, as in test_resources.py; the APIs are the devcloud's behind
a proxy.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from .account import Account, Operator, write_clouds
from .faulty_proxy import running, through, upstreams
from .poorer_proxy import PoorerProxy
from .test_resources import STACK, actions, down, taken_down, up

pytestmark = pytest.mark.large


@pytest.fixture
def proxy(account: Account) -> Iterator[PoorerProxy]:
    with running(upstreams(account), seed=0, rate=0, kind=PoorerProxy) as proxy:
        yield cast(PoorerProxy, proxy)


@pytest.fixture
def poor(account: Account, proxy: PoorerProxy, tmp_path: Path) -> Operator:
    """An operator who sees the cloud through the proxy alone."""
    (tmp_path / "operator").mkdir()
    clouds = write_clouds(tmp_path / "clouds", through(proxy, account))
    return Operator(tmp_path / "operator", clouds)


def test_a_stack_lives_with_the_microversions_of_queens(account: Account, poor: Operator) -> None:
    with taken_down(account, poor) as name:
        poor.write(f'name = "{name}"\nspread = true\n{STACK}[database]\nvolume_gib = 1\n')
        checks = {each["name"]: each for each in poor.json("doctor")["checks"]}
        assert "does not tell: ports" in checks["quota"]["said"].replace("floating IPs, ", "")
        planned = poor.json("plan")
        assert {r["verdict"] for r in planned["quota"] if r["name"] == "ports"} == {"unknown"}
        up(poor)
        assert set(actions(poor).values()) == {"keep"}
        groups = {each.name for each in account.connection.compute.server_groups()}
        assert groups == {f"skytier:stack={name},skytier:role={r}" for r in ("web", "database")}
        poor.write(f'name = "{name}"\nspread = true\n{STACK}[database]\nvolume_gib = 2\n')
        assert actions(poor)[f"volume {name}-database-1"] == "change"
        up(poor)
        assert set(actions(poor).values()) == {"keep"}
        down(poor)


def test_a_stack_lives_without_cinder(account: Account, proxy: PoorerProxy, poor: Operator) -> None:
    proxy.hidden = frozenset({"block-storage", "volumev3", "volume"})
    with taken_down(account, poor) as name:
        poor.write(f'name = "{name}"\n{STACK}[database]\nvolume_gib = 1\n')
        assert "Leave volume_gib out" in poor.ends_with(1, "up", "--yes")
        poor.write(f'name = "{name}"\nroot_gib = 5\n{STACK}')
        assert "Leave root_gib out" in poor.ends_with(1, "up", "--yes")
        poor.write(f'name = "{name}"\n{STACK}')
        checks = {each["name"]: each["said"] for each in poor.json("doctor")["checks"]}
        assert "no volumes to boot from" in checks["shape"]
        up(poor)
        assert set(actions(poor).values()) == {"keep"}
        down(poor)
