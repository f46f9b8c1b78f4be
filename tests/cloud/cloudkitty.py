"""A real CloudKitty beside the devcloud: its API, its processor, and InfluxDB that keeps its data.

It is in the catalog in a region of its own, with the devcloud's services beside it, so that no
other test's stack is priced by it.
"""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import openstack
import yaml
from devcloud import home
from openstack.connection import Connection

from ..skytier_command import free_port

REGION, ADMIN = "Rated", "devcloud-admin"
SHARED = Path("/usr/share/cloudkitty-common")
RULES = "/v1/rating/module_config/hashmap"


@dataclass(frozen=True)
class CloudKitty:
    """One that runs, and its administrator."""

    url: str
    policy: Path
    admin: Connection

    def allow(self, **rules: str) -> None:
        """Other rules than its own for who may do what; it reads them at once."""
        self.policy.write_text(yaml.safe_dump({k.replace("__", ":"): v for k, v in rules.items()}))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the administrator makes."""
        response = self.admin.session.post(f"{self.url}{path}", json=body)
        return response.json() if response.text else None

    def enable_hashmap(self) -> None:
        """Turn on the rating module."""
        body = {"module_id": "hashmap", "enabled": True}
        self.admin.session.put(f"{self.url}/v1/rating/modules/hashmap", json=body, redirect=False)

    def price(self, metric: str, cost: str = "", field: str = "", **values: str) -> None:
        """A price of all of a metric, or of the values of a field."""
        service = self.post(f"{RULES}/services", {"name": metric})["service_id"]
        if cost:
            self._map(service_id=service, cost=cost)
        if field:
            known = self.post(f"{RULES}/fields", {"service_id": service, "name": field})
            for value, each in values.items():
                self._map(field_id=known["field_id"], value=value, cost=each)

    def _map(self, **mapping: str) -> None:
        self.post(f"{RULES}/mappings", {"type": "flat", **mapping})

    def rate(self, project: str, begin: datetime, hours: int, points: Mapping[str, Any]) -> None:
        """Write rated hours: metric to pairs of a resource's id and its price for each hour."""

        def point(resource: str, price: float) -> dict[str, Any]:
            return {
                "vol": {"unit": "undefined", "qty": 1},
                "rating": {"price": price},
                "groupby": {"id": resource, "project_id": project, "user_id": "nobody"},
                "metadata": {},
            }

        usage = {metric: [point(*each) for each in pairs] for metric, pairs in points.items()}
        times = [begin + timedelta(hours=number) for number in range(hours + 1)]
        frames = [
            {"period": {"begin": f"{a:%FT%T}+00:00", "end": f"{b:%FT%T}+00:00"}, "usage": usage}
            for a, b in pairwise(times)
        ]
        self.post("/v2/dataframes", {"dataframes": frames})


@contextmanager
def running(directory: Path) -> Iterator[CloudKitty]:
    """With no rules and no data, and a region of the catalog until the end."""
    for name in ("lock", "policy.d"):
        (directory / name).mkdir()
    with openstack.connect(cloud=ADMIN) as admin, ExitStack() as stack:
        store, api = free_port(), free_port()
        (directory / "influxdb.conf").write_text(_influxdb(directory, store))
        (directory / "metrics.yml").write_text(_metrics())
        conf = directory / "cloudkitty.conf"
        conf.touch(mode=0o600)
        conf.write_text(_conf(directory, store, admin.config.config["auth"]))
        options = ["--config-file", str(conf)]

        stack.enter_context(_process(directory, "influxd", "-config", "influxdb.conf"))
        _wait(f"http://127.0.0.1:{store}/ping")
        _influx(store, "CREATE DATABASE cloudkitty")
        for command in (["cloudkitty-dbsync", *options, "upgrade"], ["cloudkitty-storage-init"]):
            words = command if command[1:] else [*command, *options]
            subprocess.run(words, check=True, capture_output=True, cwd=directory)
        stack.enter_context(_process(directory, "cloudkitty-processor", *options))
        words = ["--host", "127.0.0.1", "--port", str(api), "--", *options]
        stack.enter_context(_process(directory, "cloudkitty-api", *words))
        _wait(f"http://127.0.0.1:{api}/")
        stack.enter_context(_region(admin, f"http://127.0.0.1:{api}"))
        policy = directory / "policy.d/tests.yaml"
        policy.write_text("{}\n")
        yield CloudKitty(f"http://127.0.0.1:{api}", policy, admin)


@contextmanager
def _process(directory: Path, *words: str) -> Iterator[None]:
    with (directory / f"{words[0]}.log").open("w") as log:
        process = subprocess.Popen(words, cwd=directory, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield
            assert process.poll() is None, f"{words[0]} ended: {log.name}"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _region(admin: Connection, url: str) -> Iterator[None]:
    identity = admin.identity
    _forget_region(identity)
    try:
        identity.create_region(id=REGION)
        services = {each.id: each for each in identity.services()}
        for endpoint in list(identity.endpoints(interface="public")):
            if endpoint.service_id in services:
                _endpoint(identity, endpoint.service_id, endpoint.url)
        _endpoint(identity, identity.create_service(name="cloudkitty", type="rating").id, url)
        yield
    finally:
        _forget_region(identity)


def _endpoint(identity: Any, service: str, url: str) -> None:
    identity.create_endpoint(service_id=service, interface="public", url=url, region_id=REGION)


def _forget_region(identity: Any) -> None:
    """Also of a run that was killed."""
    for endpoint in list(identity.endpoints()):
        if endpoint.region_id == REGION:
            identity.delete_endpoint(endpoint)
    for service in list(identity.services(type="rating")):
        identity.delete_service(service)
    if any(each.id == REGION for each in identity.regions()):
        identity.delete_region(REGION)


def _wait(url: str) -> None:
    end = time.monotonic() + 300
    while True:
        try:
            httpx.get(url, trust_env=False)
        except httpx.HTTPError:
            assert time.monotonic() < end, f"{url} does not answer"
            time.sleep(0.2)
        else:
            return


def _influx(port: int, query: str) -> None:
    answer = httpx.post(f"http://127.0.0.1:{port}/query", data={"q": query}, trust_env=False)
    answer.raise_for_status()


def _influxdb(directory: Path, port: int) -> str:
    return f"""reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{directory}/influxdb/meta"
[data]
dir = "{directory}/influxdb/data"
wal-dir = "{directory}/influxdb/wal"
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
"""


def _metrics() -> str:
    """Debian's own, with what its collector asks for instead of Gnocchi's."""
    found = yaml.safe_load((SHARED / "metrics.yml").read_text())
    for metric in found["metrics"].values():
        metric["extra_args"] = {"aggregation_method": "avg"}
    return yaml.safe_dump(found)


def _conf(directory: Path, store: int, auth: Mapping[str, str]) -> str:
    secrets = json.loads(home.PASSWORDS.read_text())
    return f"""[DEFAULT]
use_stderr = true
api_paste_config = {SHARED}/api_paste.ini
transport_url = rabbit://openstack:{secrets["rabbitmq"]}@127.0.0.1:5672/

[database]
connection = sqlite:///{directory}/cloudkitty.sqlite

[keystone_authtoken]
auth_url = {auth["auth_url"]}
www_authenticate_uri = {auth["auth_url"]}
auth_type = password
username = {auth["username"]}
password = {auth["password"]}
project_name = {auth["project_name"]}
user_domain_name = Default
project_domain_name = Default

[storage]
version = 2
backend = influxdb

[storage_influxdb]
host = 127.0.0.1
port = {store}
database = cloudkitty
username = cloudkitty
password = cloudkitty

[collect]
collector = prometheus
metrics_conf = {directory}/metrics.yml

[collector_prometheus]
prometheus_url = http://127.0.0.1:9/api/v1

[fetcher]
backend = source

[orchestrator]
coordination_url = file://{directory}/lock
max_workers = 1
max_workers_reprocessing = 1

[oslo_concurrency]
lock_path = {directory}/lock

[oslo_policy]
policy_dirs = {directory}/policy.d
"""
