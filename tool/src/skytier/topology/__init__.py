"""The stack as its machines see each other: which there are, what runs on them, who may reach whom.

Pure: nothing here asks or changes anything.
"""

from skytier.topology.endpoint import VRRP, Endpoint, Exposure, Need
from skytier.topology.ingress import ANYWHERE, ANYWHERE_IPV6, PRIVATE, IngressRule, anywhere
from skytier.topology.topology import DataVolume, Machine, ObjectStore, Spending, Topology

__all__ = [
    "ANYWHERE",
    "ANYWHERE_IPV6",
    "PRIVATE",
    "VRRP",
    "DataVolume",
    "Endpoint",
    "Exposure",
    "IngressRule",
    "Machine",
    "Need",
    "ObjectStore",
    "Spending",
    "Topology",
    "anywhere",
]
