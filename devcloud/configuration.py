"""Writes the configuration of every service below home.ETC, from the templates."""

import hashlib
import os
import pwd
from pathlib import Path

from devcloud import certificates, home, machine, network, templates, vendordata
from devcloud.extras import Extras
from devcloud.passwords import passwords
from devcloud.release import HERE
from devcloud.services import FAKE_HOST, FAKE_ZONE, SOCKET
from devcloud.stage import Stage

KEYSTONE = f"http://{HERE.address}:5000/v3"
HOST = "devcloud"
EVERYONE = ""
CEPH_FSID = "6b1a1a52-7c8c-4d10-9a2e-d0d7a2c3b001"
QEMU_CONF = Path("/etc/libvirt/qemu.conf")
QEMU_CONF_BEFORE = QEMU_CONF.with_name("qemu.conf.before-devcloud")
OUR_MARK = "# Written by devcloud/up; devcloud/down --purge takes it away."

# file below home.ETC: (template, account that reads it)
FILES = {
    "mariadb/mariadb.cnf": ("mariadb.cnf", "mysql"),
    "rabbitmq/rabbitmq.conf": ("rabbitmq.conf", "rabbitmq"),
    "keystone/keystone.conf": ("keystone.conf", "keystone"),
    "placement/placement.conf": ("placement.conf", "placement"),
    "glance/glance-api.conf": ("glance-api.conf", "glance"),
    "nova/nova.conf": ("nova.conf", "nova"),
    "nova/nova-api.conf": ("nova-api.conf", "nova"),
    "nova/nova-compute-fake.conf": ("nova-compute-fake.conf", "nova"),
    "neutron/neutron.conf": ("neutron.conf", "neutron"),
    "neutron/ml2_conf.ini": ("ml2_conf.ini", "neutron"),
    "supervisord.conf": ("supervisord.conf", "root"),
}
GUESTS_FILES = {
    "nova/nova-compute.conf": ("nova-compute.conf", "root"),
    "neutron/linuxbridge_agent.ini": ("linuxbridge_agent.ini", "neutron"),
    "neutron/l3_agent.ini": ("l3_agent.ini", "neutron"),
    "neutron/dhcp_agent.ini": ("dhcp_agent.ini", "neutron"),
    "neutron/metadata_agent.ini": ("metadata_agent.ini", "neutron"),
    "libvirt/libvirtd.conf": ("libvirtd.conf", "root"),
}
VOLUMES_FILES = {
    # Ceph and Cinder read it, and it has no secret.
    "ceph/ceph.conf": ("ceph.conf", EVERYONE),
    "cinder/cinder.conf": ("cinder.conf", "cinder"),
}
OBJECTS_FILES = {"ceph/radosgw.conf": ("radosgw.conf", "ceph")}
OBJECTS_CERTIFICATE, OBJECTS_KEY = "ceph/objects.pem", "ceph/objects.key"
LOAD_BALANCERS_FILES = {
    "octavia/octavia.conf": ("octavia.conf", "octavia"),
    "octavia/policy.yaml": ("octavia-policy.yaml", "octavia"),
}
AUTHORITY, AUTHORITY_KEY = "octavia/authority.pem", "octavia/authority.key"
CLIENT = "octavia/client.pem"
UWSGI = {
    "keystone": {"wsgi_file": "/usr/bin/keystone-wsgi-public", "port": 5000, "processes": 2},
    "placement": {"wsgi_file": "/usr/bin/placement-api", "port": 8778, "processes": 1},
}
LOAD_BALANCERS_UWSGI = {
    "octavia": {
        "wsgi_file": "/usr/bin/octavia-wsgi",
        "port": 9876,
        "processes": 1,
        # It looks for its configuration there alone.
        "arguments": f"--config-file {home.ETC}/octavia/octavia.conf",
    }
}
# database: the account that owns it
DATABASES = {
    "cinder": "cinder",
    "keystone": "keystone",
    "glance": "glance",
    "placement": "placement",
    "nova_api": "nova",
    "nova_cell0": "nova",
    "nova": "nova",
    "neutron": "neutron",
    "octavia": "octavia",
}
# directory below home.HOME: the account that owns it
DIRECTORIES = {
    "run/mariadb": "mysql",
    "data/rabbitmq": "rabbitmq",
    "data/keystone": "keystone",
    "data/glance": "glance",
    "data/glance/images": "glance",
    "data/glance/staging": "glance",
    "data/glance/tasks": "glance",
    "data/glance/lock": "glance",
    "data/nova": "nova",
    "data/nova/lock": "nova",
    "data/nova/instances": "nova",
    "data/neutron": "neutron",
    "data/neutron/lock": "neutron",
}
VOLUMES_DIRECTORIES = {
    "data/ceph": "ceph",
    # The manager's modules would be here: there are none, and it is a tenth of the size.
    "data/ceph/modules": "ceph",
    "data/ceph/mgr": "ceph",
    "data/cinder": "cinder",
    "data/cinder/lock": "cinder",
    "run/ceph": "ceph",
}
OBJECTS_DIRECTORIES = {"data/radosgw": "ceph"}


def up(stage: Stage, extras: Extras) -> None:
    """Write all files. Those with passwords are readable by their service's group alone."""
    values = _values()
    files = FILES | (GUESTS_FILES if HERE.has_guests else {})
    files |= VOLUMES_FILES if extras.volumes else {}
    files |= OBJECTS_FILES if extras.objects else {}
    files |= LOAD_BALANCERS_FILES if extras.load_balancers else {}
    changed = [
        name
        for name, (template, account) in files.items()
        if _write(name, templates.render(template, **values), account)
    ]
    for name, more in (UWSGI | (LOAD_BALANCERS_UWSGI if extras.load_balancers else {})).items():
        text = templates.render("uwsgi.ini", **values | more, name=name, account=name)
        changed += [name] if _write(f"{name}/uwsgi.ini", text, name) else []
    changed += [name] if _write(name := "nova/vendor_data.json", vendordata.text(), "nova") else []
    _write("rabbitmq/enabled_plugins", "[].\n", "rabbitmq")
    changed += _qemu_conf(values) if HERE.has_guests else []
    changed += _objects_certificate() if extras.objects else []
    changed += _authority() if extras.load_balancers else []
    changed += _client() if extras.amphorae else []
    if extras.volumes:
        # Where Cinder's volume service looks first for programs.
        program = home.ETC / "cinder" / "bin" / "ceph"
        program.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        text = templates.render("ceph.sh", **values)
        changed += ["cinder/bin/ceph"] if home.write(program, text, 0o755) else []
    directories = DIRECTORIES | (VOLUMES_DIRECTORIES if extras.volumes else {})
    directories |= OBJECTS_DIRECTORIES if extras.objects else {}
    for name, account in directories.items():
        path = home.HOME / name
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        entry = pwd.getpwnam(account)
        path.chmod(0o755)
        if path.stat().st_uid != entry.pw_uid:
            os.chown(path, entry.pw_uid, entry.pw_gid)
    if changed:
        stage.done(f"{len(changed)} files written below {home.ETC}")


def write_amphorae(**known: str) -> None:
    """Write the file that needs what only a running cloud knows."""
    text = templates.render("octavia-amphorae.conf", **_values() | known)
    _write("octavia/amphorae.conf", text, "octavia")


def fingerprint(*names: str) -> str:
    """A hash of files below home.ETC."""
    texts = [(home.ETC / name).read_bytes() for name in names]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def _values() -> dict[str, object]:
    secret = passwords()
    return {
        "address": HERE.address,
        "authority": home.ETC / AUTHORITY,
        "authority_key": home.ETC / AUTHORITY_KEY,
        "cable": network.CABLE,
        "client": home.ETC / CLIENT,
        "ceph_fsid": CEPH_FSID,
        "data": home.DATA,
        "database": {
            name: f"mysql+pymysql://{account}:{secret[account]}@localhost/{name}"
            f"?charset=utf8&unix_socket={SOCKET}"
            for name, account in DATABASES.items()
        },
        "etc": home.ETC,
        "fake_driver": HERE.fake_driver,
        "fake_host": FAKE_HOST,
        "fake_zone": FAKE_ZONE,
        "home": home.HOME,
        "host": HOST,
        "keystone": KEYSTONE,
        "logs": home.LOGS,
        "mark": OUR_MARK,
        "mechanism": HERE.mechanism,
        "mtu": machine.mtu(),
        "objects_address": network.GATEWAY,
        "objects_port": network.OBJECTS_PORT,
        "objects_tls_port": network.OBJECTS_TLS_PORT,
        "objects_certificate": home.ETC / OBJECTS_CERTIFICATE,
        "objects_key": home.ETC / OBJECTS_KEY,
        "passwords": secret,
        "resolvers": machine.resolvers(),
        "run": home.RUN,
        "transport_url": f"rabbit://openstack:{secret['rabbitmq']}@{HERE.address}:5672/",
    }


def _write(name: str, text: str, account: str) -> bool:
    path = home.ETC / name
    path.parent.mkdir(mode=0o755, exist_ok=True)
    if account == EVERYONE:
        return home.write(path, text)
    return home.write(path, text, 0o640, (0, pwd.getpwnam(account).pw_gid))


def _objects_certificate() -> list[str]:
    """Make the object store's certificate, which is its own authority, once for all."""
    if (home.ETC / OBJECTS_CERTIFICATE).exists():
        return []
    name = network.OBJECTS_NAME
    certificate, key = certificates.make(name, f"DNS:{name}")
    _write(OBJECTS_KEY, key, "ceph")
    _write(OBJECTS_CERTIFICATE, certificate, EVERYONE)
    return [OBJECTS_CERTIFICATE]


def _authority() -> list[str]:
    """Make the authority of the amphorae's certificates, once for all."""
    if (home.ETC / AUTHORITY).exists():
        return []
    certificate, key = certificates.make("Amphorae of the devcloud")
    _write(AUTHORITY_KEY, key, "octavia")
    _write(AUTHORITY, certificate, "octavia")
    return [AUTHORITY]


def _client() -> list[str]:
    """Make the certificate by which amphorae know Octavia, once for all."""
    if (home.ETC / CLIENT).exists():
        return []
    authority, key = home.ETC / AUTHORITY, home.ETC / AUTHORITY_KEY
    _write(
        CLIENT, certificates.make_of_client("Octavia of the devcloud", authority, key), "octavia"
    )
    return [CLIENT]


def _qemu_conf(values: dict[str, object]) -> list[str]:
    """libvirt reads this one from /etc alone. A file that is not ours is put aside for `down`."""
    text = templates.render("qemu.conf", **values)
    if QEMU_CONF.exists() and not QEMU_CONF.read_text().startswith(OUR_MARK):
        QEMU_CONF.rename(QEMU_CONF_BEFORE)
    changed = home.write(QEMU_CONF, text)
    # The same text below home.ETC says whether libvirtd has to be restarted.
    _write("libvirt/qemu.conf", text, "root")
    return ["qemu.conf"] if changed else []


def purge() -> None:
    """Give back what was in /etc/libvirt before."""
    if QEMU_CONF.exists() and QEMU_CONF.read_text().startswith(OUR_MARK):
        QEMU_CONF.unlink()
    if QEMU_CONF_BEFORE.exists():
        QEMU_CONF_BEFORE.rename(QEMU_CONF)
