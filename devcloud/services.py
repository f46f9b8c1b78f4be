"""The daemons of the cloud: how each is started, and when it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devcloud.command import PATH
from devcloud.home import DATA, ETC, RUN
from devcloud.network import GATEWAY, OBJECTS_PORT
from devcloud.release import HERE

_UWSGI = "/usr/bin/uwsgi --ini "
_NEUTRON = f"--config-file {ETC}/neutron/neutron.conf --config-file {ETC}/neutron/"
_NOVA = f"--config-file {ETC}/nova/nova.conf"


@dataclass(frozen=True)
class Service:
    """One daemon under supervisord.

    `files` are the configuration files, below home.ETC, that it must be restarted for; `answers`
    is an address that gives any HTTP answer when it is ready, or "".
    """

    name: str
    command: str
    files: tuple[str, ...] = ()
    account: str = "root"
    answers: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    # Ending the process alone would leave its children; for libvirtd those are the guests.
    whole_group: bool = True


GROUND = (
    Service(
        "mariadb",
        f"/usr/sbin/mariadbd --defaults-file={ETC}/mariadb/mariadb.cnf",
        ("mariadb/mariadb.cnf",),
        "mysql",
    ),
    Service(
        "rabbitmq",
        "/usr/lib/rabbitmq/bin/rabbitmq-server",
        ("rabbitmq/rabbitmq.conf",),
        "rabbitmq",
        environment={
            "HOME": f"{DATA}/rabbitmq",  # of the Erlang cookie
            "RABBITMQ_NODENAME": "devcloud@localhost",
            "RABBITMQ_CONFIG_FILE": f"{ETC}/rabbitmq/rabbitmq",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_MNESIA_BASE": f"{DATA}/rabbitmq/mnesia",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{ETC}/rabbitmq/enabled_plugins",
            "RABBITMQ_LOGS": "-",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # One scheduler that sleeps when there is nothing to do.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        },
    ),
    Service("memcached", f"/usr/bin/memcached -l {HERE.address} -m 64 -u nobody"),
)

KEYSTONE = Service(
    "keystone",
    f"{_UWSGI}{ETC}/keystone/uwsgi.ini",
    ("keystone/keystone.conf", "keystone/uwsgi.ini"),
    answers=f"http://{HERE.address}:5000/v3",
    environment={"OS_KEYSTONE_CONFIG_FILES": f"{ETC}/keystone/keystone.conf"},
)

CONTROL = (
    Service(
        "placement",
        f"{_UWSGI}{ETC}/placement/uwsgi.ini",
        ("placement/placement.conf", "placement/uwsgi.ini"),
        answers=f"http://{HERE.address}:8778/",
        environment={"OS_PLACEMENT_CONFIG_DIR": f"{ETC}/placement"},
    ),
    Service(
        "glance-api",
        f"/usr/bin/glance-api --config-file {ETC}/glance/glance-api.conf",
        ("glance/glance-api.conf",),
        "glance",
        answers=f"http://{HERE.address}:9292/versions",
    ),
    Service(
        "nova-api",
        f"/usr/bin/nova-api {_NOVA} --config-file {ETC}/nova/nova-api.conf",
        ("nova/nova.conf", "nova/nova-api.conf", "nova/vendor_data.json"),
        "nova",
        answers=f"http://{HERE.address}:8774/",
    ),
    Service("nova-conductor", f"/usr/bin/nova-conductor {_NOVA}", ("nova/nova.conf",), "nova"),
    Service("nova-scheduler", f"/usr/bin/nova-scheduler {_NOVA}", ("nova/nova.conf",), "nova"),
    Service(
        "neutron-server",
        f"/usr/bin/neutron-server {_NEUTRON}ml2_conf.ini",
        ("neutron/neutron.conf", "neutron/ml2_conf.ini"),
        "neutron",
        answers=f"http://{HERE.address}:9696/",
    ),
)

# Those that report to the control plane. One that comes before its server waits for a minute.
AGENTS = (
    Service("virtlogd", "/usr/sbin/virtlogd", whole_group=False),
    Service(
        "libvirtd",
        f"/usr/sbin/libvirtd --config {ETC}/libvirt/libvirtd.conf",
        ("libvirt/libvirtd.conf", "libvirt/qemu.conf"),
        whole_group=False,
    ),
    Service(
        "nova-compute",
        f"/usr/bin/nova-compute --config-file {ETC}/nova/nova-compute.conf",
        ("nova/nova-compute.conf",),
    ),
    *(
        Service(
            f"neutron-{name}-agent",
            f"/usr/bin/neutron-{name}-agent {_NEUTRON}{name}_agent.ini",
            ("neutron/neutron.conf", f"neutron/{name}_agent.ini"),
            # Programs that stand in for the system's: agent/ebtables.
            environment={"PATH": f"{Path(__file__).with_name('agent')}:{PATH}"},
        )
        for name in ("linuxbridge", "l3", "dhcp", "metadata")
    ),
)

# Only when they are asked for, or without guests: a hypervisor that makes nothing, and what tells
# Neutron that its servers' ports can be bound.
FAKE_HOST, FAKE_ZONE = "fake", "fake"
FAKE = (
    Service(
        "nova-compute-fake",
        f"/usr/bin/nova-compute --config-file {ETC}/nova/nova-compute-fake.conf",
        ("nova/nova-compute-fake.conf",),
        "nova",
    ),
    Service(
        "neutron-fake-agent",
        f"/usr/bin/python3 {Path(__file__).with_name('fake_agent.py')} {FAKE_HOST} "
        f"{HERE.mechanism} --config-file {ETC}/neutron/neutron.conf",
        ("neutron/neutron.conf",),
        "neutron",
    ),
)

# Only when they are asked for. Ceph's own options come from its configuration file.
_CEPH = f"--conf {ETC}/ceph/ceph.conf --foreground --id "
CEPH_MONITOR = Service(
    "ceph-mon", f"/usr/bin/ceph-mon {_CEPH}devcloud", ("ceph/ceph.conf",), "ceph"
)
CEPH = (
    CEPH_MONITOR,
    Service("ceph-mgr", f"/usr/bin/ceph-mgr {_CEPH}devcloud", ("ceph/ceph.conf",), "ceph"),
    Service("ceph-osd", f"/usr/bin/ceph-osd {_CEPH}0", ("ceph/ceph.conf",), "ceph"),
)
OBJECTS = Service(
    "radosgw",
    f"/usr/bin/radosgw --conf {ETC}/ceph/radosgw.conf --foreground --id rgw.devcloud",
    ("ceph/radosgw.conf",),
    "ceph",
    answers=f"http://{GATEWAY}:{OBJECTS_PORT}/",
)
CINDER = tuple(
    Service(
        f"cinder-{name}",
        f"/usr/bin/cinder-{name} --config-file {ETC}/cinder/cinder.conf",
        ("ceph/ceph.conf", "cinder/cinder.conf"),
        "cinder",
        answers=f"http://{HERE.address}:8776/" if name == "api" else "",
        environment={"PATH": f"{ETC}/cinder/bin:{PATH}"},
    )
    for name in ("api", "scheduler", "volume")
)

# Only when they are asked for.
_OCTAVIA = f"--config-file {ETC}/octavia/octavia.conf --config-file {ETC}/octavia/amphorae.conf"
_OCTAVIA_FILES = ("octavia/octavia.conf", "octavia/amphorae.conf")
# Its processes change their titles, and would overwrite the mark in their environment.
_KEEPS_MARK = {"SPT_NOENV": "1"}
LOAD_BALANCERS = (
    Service(
        "octavia-api",
        f"{_UWSGI}{ETC}/octavia/uwsgi.ini",
        ("octavia/octavia.conf", "octavia/policy.yaml", "octavia/uwsgi.ini"),
        answers=f"http://{HERE.address}:9876/",
    ),
    Service(
        "octavia-worker",
        f"/usr/bin/octavia-worker {_OCTAVIA}",
        _OCTAVIA_FILES,
        "octavia",
        environment=_KEEPS_MARK,
    ),
)
# Only with real amphorae, which report to it.
AMPHORAE = (
    Service(
        "octavia-health-manager",
        f"/usr/bin/octavia-health-manager {_OCTAVIA}",
        _OCTAVIA_FILES,
        "octavia",
        environment=_KEEPS_MARK,
    ),
)

ALL = (*GROUND, KEYSTONE, *CONTROL, *(AGENTS if HERE.has_guests else FAKE))
OPTIONAL = (*(FAKE if HERE.has_guests else ()), *CEPH, *CINDER, OBJECTS, *LOAD_BALANCERS, *AMPHORAE)
SOCKET = RUN / "mariadb" / "mariadb.sock"
