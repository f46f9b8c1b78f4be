"""Reading and changing the operator's secret variables of a stack on a cloud."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from skytier.deploy.kind import Known
from skytier.hosts.ssh import Ssh
from skytier.openstack.machines import stack_key
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.variables import KeptVariables, copies, kept_by, noted, store_of
from skytier.openstack.plan.configurations import Configurations
from skytier.openstack.plan.kinds import resources_now
from skytier.openstack.resources.server import Server
from skytier.openstack.stack import CloudStack
from skytier.secrets.variables import Change, Variables


class CloudVariables:
    """See `skytier.secrets.variables.Store`."""

    def __init__(self, stack: CloudStack) -> None:
        self._stack = stack
        self.note = ""

    def read(self) -> Variables:
        """From the machine that has them."""
        return self._found(resources_now(self._stack.kinds))

    def change(self, change: Change) -> bool:
        """On the machine, under the stack's lock. Before the first `up` here."""
        known = resources_now(self._stack.kinds)
        if not self._is_set_up(known):
            return self._change_here(self._found(known), change)
        with self._stack.held("secret", threading.Event()):
            known = resources_now(self._stack.kinds)
            with self._entered(known) as kept:
                before = kept.read(known)
                after = change(before)
                if after != before:
                    kept.keep(after, known)
                return after != before

    def _found(self, known: Known) -> Variables:
        here = kept_by(self._stack.operator)
        there = noted(known.get(store_of(self._stack.stack)))
        if there is None and (here.all or not copies(known)):
            return here
        with self._entered(known) as kept:
            return kept.read(known)

    def _change_here(self, before: Variables, change: Change) -> bool:
        operator = self._stack.operator
        after = change(before)
        if after != before:
            operator.keep_variables(after.text)
        self.note = (
            f"The stack has no machine for it yet: it is in {operator.variables}, and skytier up "
            "moves it to the stack."
        )
        return after != before

    def _is_set_up(self, known: Known) -> bool:
        store = known.get(store_of(self._stack.stack))
        return store is not None and Configurations.metadata in store.facts["metadata"]

    @contextmanager
    def _entered(self, known: Known) -> Iterator[KeptVariables]:
        stack = self._stack
        stack.operator.check_key(stack_key.public_key(known.values(), stack.operator))
        with Ssh() as shell:
            access = Access(stack.connection, stack.operator, shell)
            servers = Server(stack.project)
            yield KeptVariables(stack.stack, stack.operator, access, servers)
