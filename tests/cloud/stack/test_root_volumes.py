"""Servers that boot from volumes: what is made, continued after a kill, replaced and deleted.

Servers are those of Nova's fake driver, as in test_resources.py; the volumes are real.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import openstack
import pytest

from .account import Account, Operator, write_clouds
from .faulty_proxy import running, through, upstreams
from .test_resources import SEED, actions, changes, down, kill_at_line, script, taken_down, up

ZERO = 'image = "debian-12"\nflavor = "zero.tiny"\navailability_zone = "fake"\n'
KILLS = 4


@pytest.fixture
def stack(account: Account, operator: Operator) -> Iterator[str]:
    """A name for a stack of a flavor without a disk; the project is as it was at the end."""
    with taken_down(account, operator) as name:
        operator.write(f'name = "{name}"\nroot_gib = 3\n{ZERO}')
        yield name


def roots(account: Account, stack: str) -> dict[str, str]:
    """Name to id of the stack's root volumes. All of them are in use."""
    volumes = list(account.connection.block_storage.volumes(details=True))
    assert {volume.status for volume in volumes} <= {"in-use"}
    assert {volume.metadata["skytier:stack"] for volume in volumes} <= {stack}
    return {volume.name: volume.id for volume in volumes}


def test_a_flavor_without_a_disk_boots_from_volumes_that_are_planned_priced_and_replaced(
    account: Account, operator: Operator, stack: str
) -> None:
    operator.write(f'name = "{stack}"\n{ZERO}')
    planned = operator.json("plan")
    steps = {(s["kind"], s["resource"]): s for s in planned["steps"]}
    for name in (f"{stack}-web-1", f"{stack}-database-1"):
        assert steps["root volume", name]["action"] == "create"
        assert float(steps["root volume", name]["monthly_cost"]) == 2  # 20 GiB by the example rates
    needed = {row["name"]: row["needed"] for row in planned["quota"]}
    assert (needed["volumes"], needed["gigabytes"]) == (2, 40)

    operator.write(f'name = "{stack}"\nroot_gib = 3\n{ZERO}')
    up(operator)
    first = roots(account, stack)
    assert set(first) == {f"{stack}-web-1-root", f"{stack}-database-1-root"}
    assert set(actions(operator).values()) == {"keep"}

    # The web server is made anew, on a new volume; the database with its data is not.
    operator.write(f'name = "{stack}"\nweb.root_gib = 4\ndatabase.root_gib = 3\n{ZERO}')
    changed = changes(operator)
    assert changed == {f"server {stack}-web-1": "replace", f"root volume {stack}-web-1": "create"}
    up(operator)
    then = roots(account, stack)
    assert then[f"{stack}-web-1-root"] != first[f"{stack}-web-1-root"]
    assert then[f"{stack}-database-1-root"] == first[f"{stack}-database-1-root"]
    operator.write(f'name = "{stack}"\nweb.root_gib = 4\ndatabase.root_gib = 4\n{ZERO}')
    assert "lose" in script(operator, "up", code=1)


def test_volumes_are_made_in_the_zone_that_is_named_and_stay_there(
    account: Account, operator: Operator, stack: str
) -> None:
    wanted = f'name = "{stack}"\n{ZERO}root_gib = 3\ndatabase.volume_gib = 1\n'
    operator.write(f'{wanted}volume_zone = "nova"\n')
    up(operator)
    made = {each.id: each for each in account.connection.block_storage.volumes(details=True)}
    assert [each.availability_zone for each in made.values()] == ["nova"] * 3
    assert operator.json("plan")["zones"] == []

    operator.write(f'{wanted}volume_zone = "elsewhere"\n')
    planned = operator.json("plan")
    assert {each["action"] for each in planned["steps"] if each["id"] in made} == {"keep"}
    [said] = planned["zones"]
    assert said.count("(nova, not elsewhere)") == 3
    assert f"volume {stack}-database-1 (nova, not elsewhere)" in said


@pytest.mark.parametrize("seed", [SEED])
def test_a_run_that_is_killed_between_volume_and_server_is_gone_on_with(
    account: Account, operator: Operator, stack: str, seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(KILLS):
        kill_at_line(operator, rng.randint(8, 24))
        assert len(list(account.connection.block_storage.volumes(details=True))) <= 2
    up(operator)
    assert len(roots(account, stack)) == 2
    assert set(actions(operator).values()) == {"keep"}


def test_a_volume_that_a_killed_run_left_is_used_and_a_used_one_is_not(
    account: Account, operator: Operator, stack: str
) -> None:
    cinder = account.connection.block_storage
    image = account.connection.image.find_image("debian-12", ignore_missing=False).id
    marks = {"skytier:stack": stack, "skytier:role": "web", "skytier:image-id": image}
    made = {
        state: cinder.create_volume(
            name=f"{stack}-web-1-root",
            size=3,
            image_id=image,
            metadata={**marks, "skytier:root": state},
        ).id
        for state in ("used", "new")
    }
    up(operator)
    assert roots(account, stack)[f"{stack}-web-1-root"] == made["new"]


def test_what_a_killed_run_left_is_taken_down(
    account: Account, operator: Operator, stack: str
) -> None:
    cinder = account.connection.block_storage
    cinder.create_volume(
        name=f"{stack}-web-1-root",
        size=3,
        metadata={"skytier:stack": stack, "skytier:role": "web", "skytier:root": "new"},
    )
    assert f"root volume {stack}-web-1" in down(operator)
    assert not list(cinder.volumes(details=True))


@pytest.mark.large
def test_an_api_that_fails_now_and_then_leaves_no_second_root_volume(
    account: Account, make_operator: Callable[[], Operator], stack: str, tmp_path: Path
) -> None:
    with running(upstreams(account), SEED, rate=0.15) as proxy:
        entry = through(proxy, account)
        operator = Operator(make_operator().directory, write_clouds(tmp_path / "faulty", entry))
        operator.write(f'name = "{stack}"\nroot_gib = 3\n{ZERO}')
        up(operator)
        assert len(roots(account, stack)) == 2
        down(operator)
    assert not list(account.connection.block_storage.volumes(details=True))


def test_a_quota_for_volumes_that_is_short_is_said_before_anything_is_made(
    account: Account, operator: Operator, stack: str
) -> None:
    before = account.holdings()
    with openstack.connect(cloud="devcloud-admin") as admin:
        old = admin.block_storage.get_quota_set(account.project_id).volumes
        admin.block_storage.put(f"/os-quota-sets/{account.project_id}", json=_quota(1))
        try:
            said = operator.ends_with(1, "up", "--yes")
        finally:
            admin.block_storage.put(f"/os-quota-sets/{account.project_id}", json=_quota(old))
    assert "volumes: limit 1, used 0, remaining 1, needed 2, short by 1" in said
    assert account.holdings() == before


def _quota(volumes: int) -> dict[str, dict[str, int]]:
    return {"quota_set": {"volumes": volumes}}
