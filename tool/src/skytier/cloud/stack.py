"""A stack on a cloud: planned, brought up, looked at, taken down."""

from collections.abc import Sequence
from dataclasses import dataclass

from openstack.connection import Connection

from skytier.cloud import operator
from skytier.cloud.kinds import resources
from skytier.cloud.lock import Lock
from skytier.plan import Step, nothing_to_do
from skytier.resources.kind import Key, Known
from skytier.resources.project import Project
from skytier.stack import StackFile
from skytier.wanted import Blueprint

DOWN_ROUNDS = 30
ROUND_S = 2.0


@dataclass(frozen=True)
class Plan:
    """The steps to what is wanted, and what is there now."""

    steps: Sequence[Step]
    known: Known
    blueprint: Blueprint

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return nothing_to_do(self.steps)


class CloudStack:
    """The stack of a stack file, in the project that a connection leads to."""

    def __init__(self, connection: Connection, stack: StackFile, cloud: str) -> None:
        self.stack = stack
        self.cloud = cloud
        self.connection = connection
        self.project = Project(connection, stack.name, stack.labels)
        self.operator = operator.of(cloud, stack.name)
        self.lock = Lock(self.project)
        brought = Key("floating IP", f"{stack.name}-web-1") if stack.floating_ip else None
        self.kinds = resources(self.project, brought, stack.floating_ip or "")
