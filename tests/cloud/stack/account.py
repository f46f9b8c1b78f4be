"""A project of the tests' own on the devcloud, and an operator who has nothing else."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack
import yaml
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from skytier.openstack.catalog import has_load_balancers
from skytier.openstack.login.connection import PatientSession

from ... import fork_server

PROGRAM = Path(sys.executable).with_name("skytier")
RESOURCES = Path(__file__).with_name("resources_only.py")
"""Does what `skytier` does with OpenStack, and configures no machine."""
ADMIN, CLOUD = "devcloud-admin", "test"
_BACKED_UP = """\
name = "{name}"
image = "debian-12-skytier"
flavor = "m1.tiny"
{more}[backup]
kind = "object-store"
bucket = "{name}-backups"
endpoint = "https://objects.devcloud.test:8443"
ca = "/var/lib/devcloud/etc/ceph/objects.pem"
"""


@dataclass(frozen=True)
class Account:
    """An ordinary member of a project, and a clouds.yaml that leads there."""

    project_id: str
    user_id: str
    clouds: Path
    connection: Connection

    @property
    def entry(self) -> dict[str, Any]:
        entry: dict[str, Any] = yaml.safe_load(self.clouds.read_text())["clouds"][CLOUD]
        return entry

    def holdings(self) -> dict[str, dict[str, str]]:
        """All that the project has: kind to ids to everything that the API says of each."""
        compute, network, mine = self.connection.compute, self.connection.network, self.project_id
        listed = {
            "server": compute.servers(details=True),
            "key pair": compute.keypairs(),
            "network": network.networks(project_id=mine),
            "subnet": network.subnets(project_id=mine),
            "router": network.routers(project_id=mine),
            "port": network.ports(project_id=mine),
            "floating IP": network.ips(project_id=mine),
            "security group": network.security_groups(project_id=mine),
            "volume": self.connection.block_storage.volumes(details=True),
            "image": self.connection.image.images(owner=mine),
        }
        if has_load_balancers(self.connection):
            balancers = self.connection.load_balancer.load_balancers(project_id=mine)
            listed["load balancer"] = balancers
        return {
            kind: {
                each.id: json.dumps(each.to_dict(), sort_keys=True, default=str) for each in all_
            }
            for kind, all_ in listed.items()
        }

    def delegated(self, directory: Path, role: str = "") -> Path:
        """A clouds.yaml with an application credential of the member's, or with that role alone."""
        identity = self.connection.identity
        name, roles = (role, {"roles": [{"name": role}]}) if role else ("delegated", {})
        made = identity.create_application_credential(user=self.user_id, name=name, **roles)
        auth = {
            "auth_url": self.entry["auth"]["auth_url"],
            "application_credential_id": made.id,
            "application_credential_secret": made.secret,
        }
        entry = {**self.entry, "auth": auth, "auth_type": "v3applicationcredential"}
        return write_clouds(directory, entry)

    def count(self) -> dict[str, int]:
        return {kind: len(ids) for kind, ids in self.holdings().items()}


def make_account(directory: Path) -> Account:
    """As the cloud's administrator, make a project and a member of it."""
    with openstack.connect(cloud=ADMIN) as admin:
        identity, name = admin.identity, f"skytier-test-{secrets.token_hex(4)}"
        password = secrets.token_urlsafe(16)
        project = identity.create_project(name=name, domain_id="default")
        user = identity.create_user(name=name, password=password, domain_id="default")
        role = identity.find_role("member", ignore_missing=False)
        identity.assign_project_role_to_user(project, user, role)
        config = admin.config.config
        entry = {
            "auth": {
                "auth_url": config["auth"]["auth_url"],
                "username": name,
                "password": password,
                "project_name": name,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
            "region_name": config["region_name"],
        }
        clouds = write_clouds(directory, entry)
        # As patient as the product: busy services fail now and then.
        loader = OpenStackConfig(
            load_yaml_config=False, load_envvars=False, session_constructor=PatientSession
        )
        connection = Connection(config=loader.get_one(**entry))
        return Account(project.id, user.id, clouds, connection)


def delete_account(account: Account) -> None:
    """Take project and member away. What the project has by itself goes first."""
    account.connection.close()
    with openstack.connect(cloud=ADMIN) as admin:
        for group in admin.network.security_groups(project_id=account.project_id):
            admin.network.delete_security_group(group)
        admin.identity.delete_user(account.user_id)
        admin.identity.delete_project(account.project_id)


def write_clouds(directory: Path, entry: Mapping[str, Any]) -> Path:
    """A clouds.yaml with one cloud, readable by us alone."""
    directory.mkdir(exist_ok=True)
    path = directory / "clouds.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump({"clouds": {CLOUD: dict(entry)}}))
    return path


def said_of(resource: Any) -> dict[str, Any]:
    """All that Neutron says of a resource but for when it was changed last."""
    changing = {"revision_number", "updated_at"}
    return {name: value for name, value in resource.to_dict().items() if name not in changing}


@dataclass(frozen=True)
class Operator:
    """Someone at a machine with a clouds.yaml and a stack file."""

    directory: Path
    clouds: Path

    def write(self, text: str) -> None:
        """The stack file."""
        (self.directory / "skytier.toml").write_text(f'cloud = "{CLOUD}"\n{text}')

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SKYTIER_", "OS_"))}
        return {
            **kept,
            "OS_CLIENT_CONFIG_FILE": str(self.clouds),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }

    def start(self, *words: str | Path, program: Path = PROGRAM) -> subprocess.Popen[str]:
        return fork_server.Forked(
            [program, *words],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ends_with(self, code: int, *words: str | Path, timeout_s: float = 1800) -> str:
        """The output of a run that has to end with an exit code."""
        with self.start(*words) as popen:
            said, _ = popen.communicate(timeout=timeout_s)
        assert popen.returncode == code, said
        return said

    def run(self, *words: str | Path) -> str:
        return self.ends_with(0, *words)

    def json(self, *words: str, code: int | None = 0, timeout_s: float = 300) -> dict[str, Any]:
        """What a run prints for scripts; None takes any exit code. Of events it is the last one."""
        with fork_server.Forked(
            [PROGRAM, *words, "--json"],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as popen:
            out, err = popen.communicate(timeout=timeout_s)
        assert code in (None, popen.returncode), out + err
        lines = out.splitlines()
        is_events = bool(lines) and lines[0].startswith('{"event"')
        answer: dict[str, Any] = json.loads(lines[-1] if is_events else out)
        return answer


@contextmanager
def backed_up(operator: Operator, name: str, more: str) -> Iterator[str]:
    """The name of a stack that is up, with backups in the cloud's object store; `more` is of its
    stack file. Nothing is left of it."""
    operator.write(_BACKED_UP.format(name=name, more=more))
    try:
        operator.run("up", "--yes")
        yield name
    finally:
        operator.run("down", "--delete-data", "--purge", "--yes")
        assert operator.json("status", code=3)["machines"] == []
