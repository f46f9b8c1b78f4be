"""Servers in groups, on the host of Nova's fake driver as in test_resources.py."""

import secrets

from .account import Account, Operator
from .test_resources import STACK, actions, down, up


def test_servers_are_members_of_marked_groups_which_go_with_the_stack(
    account: Account, operator: Operator
) -> None:
    compute, stack = account.connection.compute, f"t{secrets.token_hex(3)}"
    foreign = compute.create_server_group(name=f"{stack}-web", policy="soft-anti-affinity")
    try:
        operator.write(f'name = "{stack}"\nspread = true\n{STACK}')
        up(operator)
        groups = {each.name: each for each in compute.server_groups() if each.id != foreign.id}
        assert set(groups) == {
            f"skytier:stack={stack},skytier:role={role}" for role in ("web", "database")
        }
        members = sorted(member for each in groups.values() for member in each.member_ids)
        assert members == sorted(server.id for server in compute.servers())
        assert set(actions(operator).values()) == {"keep"}
    finally:
        down(operator)
        assert [each.id for each in compute.server_groups()] == [foreign.id]
        compute.delete_server_group(foreign)
