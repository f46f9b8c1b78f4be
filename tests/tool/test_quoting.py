"""What a text becomes in each kind of generated file, before the real readers of those files."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from skytier import quoting
from skytier.errors import SkytierError
from skytier.local.home import Home
from skytier.local.options import EMBEDDED
from skytier.local.postgresql_programs import Programs, find
from skytier.services.nginx.config import NginxConfig, nginx_conf
from skytier.services.postgresql import config as postgresql_config
from skytier.services.prometheus import config as prometheus

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or "nginx"
# A file system takes no name with these.
names = st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1)
names |= st.lists(st.sampled_from([*" ;{}#%&'\"\\\\$,*?[]()<>|!=:~-é日😀"]), min_size=1).map(
    "".join
)


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="q") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def programs(directory: Path) -> Programs:
    return find(EMBEDDED, directory, None)


@settings(max_examples=40)
@given(name=names)
def test_a_home_of_any_name_is_refused_or_read_as_it_is_by_all(
    directory: Path, programs: Programs, name: str
) -> None:
    assume(name not in (".", "..") and len(name.encode()) < 60)
    home = Home(directory / name)
    try:
        home.create()
    except SkytierError:
        assert not home.path.exists()
        return
    try:
        assert_nginx_reads(home)
        assert_postgresql_reads(home, programs)
        assert_prometheus_reads(home)
    finally:
        shutil.rmtree(home.path)


def assert_nginx_reads(home: Home) -> None:
    socket = f"unix:{home.application_socket}"
    config = NginxConfig(["127.0.0.1:1025"], [socket], home.static, home.run, home.logs)
    conf = home.etc / "nginx.conf"
    conf.write_text(nginx_conf(config))
    checked = subprocess.run([NGINX, "-t", "-c", conf], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert (home.logs / "access.log").exists()


def assert_postgresql_reads(home: Home, programs: Programs) -> None:
    server = postgresql_config.PostgresqlConfig(
        home.postgresql, home.etc, home.postgresql_sockets, "postgres"
    )
    path = home.etc / "postgresql.conf"
    path.write_text(postgresql_config.configuration(server)["postgresql.conf"])
    for setting, expected in (
        ("data_directory", home.postgresql),
        ("unix_socket_directories", home.postgresql_sockets),
        ("hba_file", home.etc / "pg_hba.conf"),
    ):
        value = re.search(rf"^{setting} = (.*)$", path.read_text(), re.MULTILINE)
        assert value
        assert value[1] == quoting.postgresql(expected)
    if os.geteuid() != 0:  # it refuses to be root, even to read
        command = [programs["postgres"], "-C", "data_directory", "-c", f"config_file={path}"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert said.strip() == str(home.postgresql)


def assert_prometheus_reads(home: Home) -> None:
    rules = home.etc / "rules"
    target = prometheus.ScrapeTarget("application", "a:1", "m", "r", home.secrets / "token")
    found = yaml.safe_load(
        prometheus.prometheus_yml(prometheus.PrometheusConfig("s", [target], rules))
    )
    assert found["rule_files"] == [f"{rules}/*.yml"]
    credentials = found["scrape_configs"][0]["authorization"]["credentials_file"]
    assert credentials == str(home.secrets / "token")


@pytest.mark.parametrize(
    "name", ["a$b", "a'b", 'a"b', "a\\b", "a,b", "a\nb", "a*b", "\udcff", "\u2028"]
)
def test_what_some_file_cannot_hold_is_named(directory: Path, name: str) -> None:
    with pytest.raises(SkytierError, match="characters that some file of the stack cannot hold"):
        Home(directory / name).create()


@given(text=st.text())
def test_a_string_is_refused_or_read_as_it_is_by_yaml(text: str) -> None:
    try:
        written = quoting.yaml(text)
    except ValueError:
        assert not text.isprintable()
    else:
        assert yaml.safe_load(written) == text
