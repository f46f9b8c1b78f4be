"""The stack that the tests of the services set up."""

from collections.abc import Sequence
from dataclasses import replace

from skytier import roles
from skytier.roles.role import public_role
from skytier.stackfile import StackFile, parse
from skytier.topology import DataVolume, Machine, ObjectStore, Topology

WEB = Machine("shop-web-1", "web", 1, "192.168.128.10", 768, 1, public=True)
DATABASE = Machine("shop-database-1", "database", 1, "192.168.128.20", 768, 1)
BALANCER = Machine("shop-balancer-1", "balancer", 1, "192.168.128.5", 768, 1, public=True)
MONITOR = Machine("shop-monitor-1", "monitor", 1, "192.168.128.30", 768, 1)
VOLUME = DataVolume("5f6f3b0e-51a7-4f2c-9a43-8a5a2d0c5b10", size_gib=20)
CACHE = Machine("shop-cache-1", "cache", 1, "192.168.128.40", 768, 1)
WEBHOOK = 'monitor.webhook = "https://hooks.example.org/shop"\n'
NO_DATABASE = 'application = {serve = "shop:app", requires = []}\n'
PUBLIC_ADDRESS, PUBLIC_IPV6 = "203.0.113.7", "2001:db8:1::7"


def topology(text: str, machines: Sequence[Machine] = (WEB, DATABASE)) -> Topology:
    """The machines with what runs on them by a stack file."""
    stack = parse(f'name = "shop"\n{text}')
    return Topology(stack, [_placed(stack, each) for each in machines], PUBLIC_ADDRESS)


def _placed(stack: StackFile, machine: Machine) -> Machine:
    role = roles.ROLES[machine.role]
    return replace(
        machine,
        services=[each.name for each in roles.services_on(stack, role.name, machine.number)],
        metrics=roles.metrics(stack, role.name, machine.number),
        duty=role.duty,
        public=role.name == public_role(stack, roles.ROLES),
    )


SELF_SIGNED = f'tls = "self-signed"\n{WEBHOOK}'
TOPOLOGY = topology(SELF_SIGNED)
SECOND = replace(WEB, name="shop-web-2", number=2, address="192.168.128.11")
BALANCED = (WEB, SECOND, DATABASE, BALANCER)
BALANCERS = tuple(
    replace(
        BALANCER, name=f"shop-balancer-{number}", number=number, address=f"192.168.128.{4 + number}"
    )
    for number in (1, 2)
)
SHARED_ADDRESS = "192.168.128.7"
MEMBERS = tuple(
    replace(
        DATABASE,
        name=f"shop-database-{number}",
        number=number,
        address=f"192.168.128.{19 + number}",
    )
    for number in (1, 2, 3)
)
TWO_PLACES = """\
[backup]
kind = "object-store"
bucket = "shop-backups"
[backup.second]
kind = "s3"
bucket = "elsewhere"
endpoint = "https://s3.example.org"
ca = "-----BEGIN CERTIFICATE-----"
"""
ON_A_HOST = """\
[backup]
kind = "sftp"
host = "backup.example.org"
port = 2222
user = "shop-backups"
known_hosts = "[backup.example.org]:2222 ssh-ed25519 AAAA"
path = "/srv/backups"
"""
_HAPROXY = topology(f"web.count = 2\n{SELF_SIGNED}", BALANCED)
FROM_A_LOAD_BALANCER = replace(
    _HAPROXY,
    machines=[
        replace(each, public=True) if each.role == "web" else each for each in _HAPROXY.machines
    ],
    leaves_load_balancer=True,
)
TOPOLOGIES = {
    "off": topology(WEBHOOK),
    "self-signed": TOPOLOGY,
    "acme": topology(
        'tls = "acme"\ndomain = "shop.example.org"\nemail = "admin@example.org"\n' + WEBHOOK
    ),
    "open API": topology(f'api_from = ["198.51.100.0/24"]\n{WEBHOOK}'),
    "not watched": topology('tls = "self-signed"\nmonitor.enabled = false'),
    "data on a volume": topology(
        f"{SELF_SIGNED}database.volume_gib = 20", [WEB, replace(DATABASE, volume=VOLUME)]
    ),
    "a balancer": topology(f"web.count = 2\n{WEBHOOK}", BALANCED),
    "a balancer with TLS": topology(f"web.count = 2\n{SELF_SIGNED}", BALANCED),
    "a balancer with ACME": topology(
        'web.count = 2\ntls = "acme"\ndomain = "shop.example.org"\nemail = "a@example.org"',
        BALANCED,
    ),
    "two balancers": replace(
        topology(f"web.count = 2\nbalancer.count = 2\n{SELF_SIGNED}", [*BALANCED[:-1], *BALANCERS]),
        virtual_address=SHARED_ADDRESS,
    ),
    "two balancers with ACME that nobody watches": replace(
        topology(
            'web.count = 2\nbalancer.count = 2\ntls = "acme"\ndomain = "shop.example.org"\n'
            'email = "a@example.org"\nmonitor.enabled = false',
            [*BALANCED[:-1], *BALANCERS],
        ),
        virtual_address=SHARED_ADDRESS,
    ),
    "a load balancer": topology(
        f'web.count = 2\nbalancer.kind = "octavia"\n{WEBHOOK}', BALANCED[:-1]
    ),
    "a load balancer with TLS": topology(
        f'web.count = 2\nbalancer.kind = "octavia"\n{SELF_SIGNED}', BALANCED[:-1]
    ),
    "from a load balancer to HAProxy": FROM_A_LOAD_BALANCER,
    "a balancer that nobody watches": topology(
        f"web.count = 2\nmonitor.enabled = false\n{NO_DATABASE}",
        [each for each in BALANCED if each is not DATABASE],
    ),
    "a version of PostgreSQL": topology(
        f"{SELF_SIGNED}database = {{version = 17, volume_gib = 20}}\n"
        'backup = {kind = "path", path = "/mnt/my-backups"}',
        [WEB, replace(DATABASE, volume=VOLUME)],
    ),
    "a version of PostgreSQL, and backups in two places": topology(
        f'{SELF_SIGNED}database.version = 17\nbackup = {{kind = "path", path = "/mnt/one", '
        'second = {kind = "path", path = "/mnt/two"}}'
    ),
    "two members of a version": topology(
        f"{SELF_SIGNED}database = {{version = 17, members = 2}}", [WEB, *MEMBERS[:2]]
    ),
    "two members": topology(f"{SELF_SIGNED}database.members = 2", [WEB, *MEMBERS[:2]]),
    "three members with volumes, and a balancer": topology(
        f"web.count = 2\n{WEBHOOK}database = {{members = 3, volume_gib = 20}}",
        [WEB, SECOND, *(replace(each, volume=VOLUME) for each in MEMBERS), BALANCER],
    ),
    "IPv6": replace(
        topology(
            f'{SELF_SIGNED}ipv6 = true\napi_from = ["198.51.100.0/24", "2001:db8:8::/64"]',
            [replace(WEB, ipv6=PUBLIC_IPV6), DATABASE],
        ),
        public_ipv6=PUBLIC_IPV6,
    ),
    "a balancer with IPv6 and ACME": replace(
        topology(
            'web.count = 2\nipv6 = true\ntls = "acme"\ndomain = "shop.example.org"\n'
            'email = "a@example.org"',
            [WEB, SECOND, DATABASE, replace(BALANCER, ipv6=PUBLIC_IPV6)],
        ),
        public_ipv6=PUBLIC_IPV6,
    ),
    "a cache of its own": topology(f'{SELF_SIGNED}cache.kind = "redis"', [WEB, DATABASE, CACHE]),
    "a colocated cache": topology(
        f'{SELF_SIGNED}cache = {{kind = "redis", colocated = true}}\n{NO_DATABASE}', [WEB]
    ),
    "three members of Redis": topology(
        f'web.count = 2\n{SELF_SIGNED}cache = {{kind = "redis", members = 3}}', BALANCED
    ),
    "three members of Redis beside two balancers, that nobody watches": replace(
        topology(
            "web.count = 2\nbalancer.count = 2\nmonitor.enabled = false\n"
            f'{NO_DATABASE}cache = {{kind = "redis", members = 3}}',
            [WEB, SECOND, *BALANCERS],
        ),
        virtual_address=SHARED_ADDRESS,
    ),
    # An object store, too: it needs an application of the operator, as this one is.
    "no database": replace(
        topology(f'{SELF_SIGNED}{NO_DATABASE}storage.bucket = "uploads"', [WEB]),
        object_store=ObjectStore("https://objects.example.org:8080", "uploads", "eu 1%", "ab12"),
    ),
    "backups in the object store": replace(
        topology(f'{SELF_SIGNED}backup = {{kind = "object-store", bucket = "shop-backups"}}'),
        backup_stores={
            "first": ObjectStore("https://objects.example.org:8080", "shop-backups", "eu 1", "ab")
        },
    ),
    "backups in a directory": topology(
        f'{SELF_SIGNED}backup = {{kind = "path", path = "/mnt/my-backups", at = "23:59"}}'
    ),
    "backups in two places": replace(
        topology(f"{SELF_SIGNED}{TWO_PLACES}"),
        backup_stores={
            "first": ObjectStore("https://objects.example.org", "shop-backups", "eu", "ab"),
            "second": ObjectStore("https://s3.example.org", "elsewhere", "us", None),
        },
    ),
    "backups on a host": topology(f"{SELF_SIGNED}{ON_A_HOST}"),
    "backups of two members in a directory and on a host": topology(
        f'{SELF_SIGNED}database.members = 2\n[backup]\nkind = "path"\n'
        f"path = '/mnt/one'\n{ON_A_HOST.replace('[backup]', '[backup.second]')}",
        [WEB, *MEMBERS[:2]],
    ),
    "backups of several members in two places": topology(
        f'{SELF_SIGNED}database.members = 2\nbackup = {{kind = "path", path = "/mnt/one", second = '
        '{kind = "path", path = "/mnt/two"}, from_replica = true}',
        [WEB, *MEMBERS[:2]],
    ),
    "backups of several members": topology(
        f'{SELF_SIGNED}database.members = 3\nbackup = {{kind = "path", path = "/mnt/shared"}}',
        [WEB, *MEMBERS],
    ),
    "a monitor of its own": topology(
        'tls = "self-signed"\n[monitor]\ndedicated = true\nemail = "ops@example.org"\n'
        'smtp_server = "smtp.example.org:587"\nsmtp_username = "ops"',
        [WEB, DATABASE, MONITOR],
    ),
}
