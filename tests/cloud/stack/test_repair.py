"""What somebody broke in a cloud: named by plan and status, mended by the next `up`, or left there.

Servers are those of Nova's fake driver: ACTIVE at once, and nothing boots. All else is real.
"""

import secrets
from collections.abc import Iterator
from typing import Any

import openstack
import pytest

from skytier.openstack.machines.power import Power, Told, power_of, power_off
from skytier.openstack.resources.project import Project

from .account import Account, Operator
from .test_resources import WITH_VOLUME, actions, down, script, up, wait_for


@pytest.fixture(scope="module")
def stack(account: Account, operator: Operator) -> Iterator[str]:
    """A stack that is up, with its data on a volume. Each test leaves it so."""
    before, name = account.holdings(), f"t{secrets.token_hex(3)}"
    operator.write(f'name = "{name}"\n{WITH_VOLUME}')
    up(operator)
    yield name
    down(operator)
    assert account.holdings() == before


def faults(operator: Operator, *command: str, code: int = 0) -> dict[str, tuple[str, str]]:
    """`kind machine` to what is wrong and what `up` does, by `plan` or another command."""
    return {
        f"{each['kind']} {each['resource'].partition('-')[2]}": (each["what"], each["up"])
        for each in operator.json(*(command or ("plan",)), code=code)["faults"]
    }


def server(account: Account, name: str) -> Any:
    compute = account.connection.compute
    return compute.get_server(compute.find_server(name, ignore_missing=False).id)


def port(account: Account, name: str) -> Any:
    return account.connection.network.find_port(name)


def test_what_was_put_to_sleep_or_taken_apart_is_as_it_was_after_one_up(
    account: Account, operator: Operator, stack: str
) -> None:
    compute, network = account.connection.compute, account.connection.network
    web, database = server(account, f"{stack}-web-1"), server(account, f"{stack}-database-1")
    before, of_database = port(account, web.name), port(account, database.name)
    network.delete_port(before)
    # Nova hears of it a moment later, and only while the server has a host.
    wait_for(lambda: not server(account, web.name).addresses)
    compute.shelve_server(web)
    compute.delete_server_interface(of_database.id, server=database)
    wait_for(lambda: not port(account, database.name).device_id)
    compute.suspend_server(database)
    wait_for(lambda: server(account, web.name).status == "SHELVED_OFFLOADED")
    wait_for(lambda: not server(account, web.name).host_id)
    wait_for(lambda: server(account, database.name).status == "SUSPENDED")

    found = faults(operator)
    assert found == {
        "server web-1": (
            "it is shelved and its port is gone",
            "it is unshelved and a port of the same address is made",
        ),
        "server database-1": (
            "it is suspended and its port was detached",
            "it is resumed and it is attached again",
        ),
        "floating IP web-1": ("it leads nowhere", "it is led to its machine"),
    }
    assert faults(operator, "status", code=3) == found
    up(operator)

    assert set(actions(operator).values()) == {"keep"}
    assert {each.id for each in compute.servers()} == {web.id, database.id}
    assert port(account, database.name).device_id == database.id
    after = port(account, web.name)
    assert after.id != before.id
    assert (after.mac_address, after.fixed_ips) == (before.mac_address, before.fixed_ips)
    assert after.device_id == web.id
    [address] = network.ips(project_id=account.project_id)
    assert address.port_id == after.id


def test_a_volume_that_was_detached_is_attached_again(
    account: Account, operator: Operator, stack: str
) -> None:
    compute, cinder = account.connection.compute, account.connection.block_storage
    database = server(account, f"{stack}-database-1")
    [volume] = cinder.volumes(details=True)
    compute.delete_volume_attachment(database, volume)
    wait_for(lambda: cinder.get_volume(volume.id).status == "available")
    # Nova forgets it a moment after Cinder.
    wait_for(lambda: not list(compute.volume_attachments(database)))
    # What a machine notes that was set up: nothing boots here.
    compute.set_server_metadata(database.id, **{"skytier:volume": volume.id})

    assert faults(operator) == {
        "volume attachment database-1": (
            "the volume was detached",
            "it is attached again, and the server is rebooted",
        )
    }
    up(operator)

    assert [each.server_id for each in compute.volume_attachments(database)] == [database.id]
    assert "reboot" in {each.action for each in compute.server_actions(database)}
    assert server(account, database.name).status == "ACTIVE"
    assert set(actions(operator).values()) == {"keep"}


def test_what_a_person_has_to_do_is_said_and_nothing_is_touched(
    account: Account, operator: Operator, stack: str
) -> None:
    compute, network = account.connection.compute, account.connection.network
    cinder = account.connection.block_storage
    database = server(account, f"{stack}-database-1")
    [volume] = cinder.volumes(details=True)
    [address] = network.ips(project_id=account.project_id)
    [net] = network.networks(name=f"{stack}-network", project_id=account.project_id)
    other, before = network.create_port(network_id=net.id), address.port_id
    compute.rescue_server(database)
    network.update_ip(address, port_id=other.id)
    wait_for(lambda: server(account, database.name).status == "RESCUE")
    with openstack.connect(cloud="devcloud-admin") as admin:
        admin.block_storage.reset_volume_status(volume.id, status="error")
        try:
            found = faults(operator)
            said = script(operator, "up", code=1)
            assert server(account, database.name).status == "RESCUE"
            assert network.get_ip(address.id).port_id == other.id
        finally:
            admin.block_storage.reset_volume_status(volume.id, status="in-use")
            compute.unrescue_server(database)
            network.update_ip(address, port_id=before)
            network.delete_port(other)
    wait_for(lambda: server(account, database.name).status == "ACTIVE")

    assert {name: does for name, (_, does) in found.items()} == {
        "server database-1": "",
        "volume database-1": "",
        "floating IP web-1": "",
    }
    assert "is left as it is" in said
    assert "Nothing was changed." in said
    assert set(actions(operator).values()) == {"keep"}


def test_a_server_that_is_not_broken_is_not_given_up(operator: Operator, stack: str) -> None:
    said = operator.ends_with(1, "up", "--yes", "--give-up", f"{stack}-database-1")

    assert f"The server {stack}-database-1 is not broken, so it is not given up." in said


def test_nova_says_that_a_machine_is_off_once_it_is_powered_off_or_deleted(
    account: Account, operator: Operator, stack: str
) -> None:
    compute, project = account.connection.compute, Project(account.connection, stack)
    name = f"{stack}-web-1"
    assert power_of(project, name).power is Power.RUNS

    power_off(project, name)

    assert server(account, name).status == "SHUTOFF"
    assert power_of(project, name).power is Power.OFF
    before = server(account, name)
    compute.delete_server(before)
    wait_for(lambda: not compute.find_server(name))
    # The server is gone a moment before Nova has written down how its deletion ended.
    wait_for(lambda: power_of(project, name).power is Power.OFF)
    assert power_of(project, name) == Told(
        Power.OFF, "it was deleted, and its compute host said so"
    )
    assert power_of(project, f"{stack}-web-9").power is Power.UNKNOWN
    up(operator)
    assert power_of(project, name).power is Power.RUNS
    assert server(account, name).id != before.id


def test_a_shelved_server_whose_port_was_deleted_is_replaced(
    account: Account, operator: Operator, stack: str
) -> None:
    compute, name = account.connection.compute, f"{stack}-web-1"
    compute.shelve_server(server(account, name))
    wait_for(lambda: server(account, name).status == "SHELVED_OFFLOADED")
    # It has its host a moment longer than its status says; then Nova would hear of the port.
    wait_for(lambda: not server(account, name).host_id)
    account.connection.network.delete_port(port(account, name))
    compute.unshelve_server(server(account, name))
    wait_for(lambda: not server(account, name).task_state)
    assert server(account, name).status == "SHELVED_OFFLOADED"

    found = faults(operator)

    assert found["server web-1"] == (
        "its port was deleted while it was shelved, so Nova cannot unshelve it",
        "it is replaced",
    )
    assert actions(operator)[f"server {name}"] == "replace"
