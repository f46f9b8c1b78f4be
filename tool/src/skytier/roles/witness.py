"""The witness: the third voter of two database members, on a machine that is there anyway."""

from skytier.roles.role import Role
from skytier.services.etcd.service import WITNESS as ETCD

WITNESS = Role(name="witness", services=(ETCD,), colocated_with=("balancer", "web"), single=True)
