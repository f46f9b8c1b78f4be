"""One web server, and an application that needs no database."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from skytier.deploy.apply import LossError
from skytier.deploy.kind import Key
from skytier.services.prometheus.service import ETC
from tests.cluster.cluster import Cluster, changed, cluster
from tests.project.trees import write

FILES = {
    "requirements.txt": "# Nothing but what serves it.\n",
    "shop.py": """\
import json, os

def application(environ, start_response):
    about = {name: os.environ.get(name) for name in ("DATABASE_URL", "SECRET_KEY", "GIVEN")}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(about).encode()]
""",
}


MAIL = """\
[monitor]
email = "ops@example.org"
smtp_server = "smtp.example.org:587"
smtp_username = "ops"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("shop"), FILES)


@pytest.fixture(scope="module")
def alone(shop: Path) -> Iterator[Cluster]:
    with cluster(stack(shop)) as made:
        yield made


def stack(shop: Path) -> str:
    return f"""\
image = "debian-12"
[application]
source = {json.dumps(str(shop))}
serve = "shop:application"
interface = "wsgi"
requires = []
"""


def about(made: Cluster) -> dict[str, str | None]:
    program = "import urllib.request as r, sys; print(r.urlopen(sys.argv[1]).read().decode())"
    url = f"http://{made.containers['shop-web-1'].address}/"
    asked = made.network.start(sys.executable, "-c", program, url, stdin=subprocess.DEVNULL)
    found: dict[str, str | None] = json.loads(asked.communicate(timeout=300)[0])
    return found


def test_it_is_healthy_with_nothing_of_a_database(alone: Cluster) -> None:
    assert [*alone.containers] == ["shop-web-1"]
    assert alone.wrong() == {}
    assert changed(alone.plan()) == []
    found = about(alone)
    assert found["DATABASE_URL"] is None
    assert found["SECRET_KEY"] == alone.secrets["application_secret_key"]
    said = alone.containers["shop-web-1"].run("ls /etc/skytier /etc/skytier/credentials")
    assert "database" not in said


def test_another_password_that_is_given_is_taken_by_the_next_up(
    alone: Cluster, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone.operator.public_key()
    monkeypatch.setenv("SKYTIER_SMTP_PASSWORD", "first")
    alone.write(f"{stack(shop)}{MAIL}")
    alone.up()
    assert changed(alone.plan()) == []

    monkeypatch.setenv("SKYTIER_SMTP_PASSWORD", "it's another")
    assert "change configuration shop-web-1" in changed(alone.plan())
    alone.up()
    written = alone.containers["shop-web-1"].run(f"cat {ETC}/private/alertmanager.yml")
    assert "'it''s another'" in written
    assert alone.wrong() == {}
    assert changed(alone.plan()) == []
    monkeypatch.delenv("SKYTIER_SMTP_PASSWORD")
    assert changed(alone.plan()) == []
    told = alone.servers.there[Key("server", "shop-web-1")].facts["metadata"]
    assert "another" not in json.dumps(told)


def test_its_secrets_outlive_a_replacement_of_the_server(alone: Cluster, shop: Path) -> None:
    before = about(alone)["SECRET_KEY"]
    alone.change_variables(lambda those: those.with_value("GIVEN", b"once"))
    alone.write(stack(shop))
    server = Key("server", "shop-web-1")
    found = alone.servers.there[server]
    older = {**found.attributes, "image": "debian-11"}
    alone.servers.there[server] = replace(found, attributes=older)
    assert "replace server shop-web-1" in changed(alone.plan())
    alone.up()
    assert about(alone) == {"DATABASE_URL": None, "SECRET_KEY": before, "GIVEN": "once"}
    assert alone.wrong() == {}
    assert not alone.operator.secrets.exists()
    assert not alone.operator.variables.exists()


def test_a_database_that_is_added_takes_over_the_secrets_and_stays(
    alone: Cluster, shop: Path
) -> None:
    before = about(alone)
    with_one = stack(shop).replace("[]", '["postgresql"]')
    alone.write(with_one)
    alone.up()
    found = about(alone)
    assert str(found.pop("DATABASE_URL")).startswith("postgresql://skytier:")
    assert found == {"SECRET_KEY": before["SECRET_KEY"], "GIVEN": "once"}
    assert alone.secrets["application_secret_key"] == before["SECRET_KEY"]
    assert [*alone.variables().read(alone.known()).all] == ["GIVEN"]
    assert alone.wrong() == {}
    alone.write(stack(shop))
    with pytest.raises(LossError, match="delete the server shop-database-1"):
        alone.up()
    alone.write(with_one)
    assert changed(alone.plan()) == []
