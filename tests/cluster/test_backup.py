"""Backups of a database in a container: made, checked, restored, and what goes wrong with them."""

import json
import shlex
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from skytier.deploy import backups
from skytier.deploy.restore import intend, restore
from skytier.errors import SkytierError
from skytier.poll import until
from tests.cluster.cluster import Cluster, cluster
from tests.cluster.container import Container

PLACE = "/srv/backups"
PROJECT = {
    "requirements.txt": "",
    "shop.py": """\
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"open"]
        """,
}


def stack(project: Path, more: str = "") -> str:
    return f"""\
monitor.enabled = false
[backup]
kind = "path"
path = "{PLACE}"
{more}
[application]
source = {json.dumps(str(project))}
serve = "shop:application"
interface = "wsgi"
"""


def sql(machine: Container, statement: str) -> str:
    psql = f"cd /; runuser -u postgres -- psql -At skytier -c {shlex.quote(statement)}"
    return machine.run(psql).strip()


def silent(text: str) -> None:
    """Nobody is told."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    from tests.works import write_dedented
    project = write_dedented(tmp_path_factory.mktemp("shop"), PROJECT)
    with cluster(stack(project)) as found:
        yield found
