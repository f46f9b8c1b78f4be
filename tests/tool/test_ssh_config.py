"""Names that come from a cloud, in files that ssh reads: they mean themselves, or are refused."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skytier.deploy.kind import Found, Key
from skytier.errors import SkytierError
from skytier.hosts import ssh_config
from skytier.hosts.ssh import Ssh, unreachable
from skytier.hosts.ssh_config import SshEntry
from skytier.openstack.machines import host_keys, operator
from skytier.openstack.machines.access import Access, hosts

KEY, KNOWN = Path("/home/ada/key"), Path("/home/ada/known_hosts")
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILZRUMcmDv4RbK5LEgx2dWNB2VrUhKlkBRNMJFauQq5L"
EVIL = [
    *("*", "!web", "web-?", "a b", "a\nHost *", "a\n  ProxyCommand touch x", "-oProxyCommand=x"),
    *("", '"', "a,b", "%h", "a#b", "${HOME}", "é", "a" * 300, "a;b", "$(x)", "`x`", "a\r", "a\0b"),
]


@pytest.mark.parametrize("evil", EVIL)
def test_a_name_that_ssh_would_take_for_something_else_is_refused(evil: str) -> None:
    for host in (
        SshEntry(evil, "203.0.113.7", "id"),
        SshEntry("web", evil, "id"),
        SshEntry("web", "203.0.113.7", evil),
        SshEntry("web", "203.0.113.7", "id", via=evil or "*"),
    ):
        with pytest.raises(SkytierError, match="cannot be reached by SSH"):
            ssh_config.config([host], KEY, KNOWN)


@pytest.mark.parametrize("evil", EVIL)
def test_a_server_with_such_a_name_is_no_machine_of_the_stack(evil: str) -> None:
    found = [
        Found(Key("server", evil), "i1", {}),
        Found(Key("port", evil), "p1", {}, {"address": "192.168.128.8"}),
        Found(Key("floating IP", evil), "f1", {"port": "p1"}, {"address": "203.0.113.8"}),
        Found(Key("server", "shop-web-1"), "i2", {}),
        Found(Key("port", "shop-web-1"), "p2", {}, {"address": "192.168.128.7"}),
        Found(Key("floating IP", "shop-web-1"), "f2", {"port": "p2"}, {"address": "203.0.113.7"}),
        Found(Key("server", "shop-database-1"), "i3", {}),
        Found(Key("port", "shop-database-1"), "p3", {}, {"address": evil}),
    ]
    assert hosts({each.key: each for each in found}) == [
        SshEntry("shop-web-1", "203.0.113.7", "i2")
    ]


def test_a_server_that_takes_the_place_of_another_one_is_another_machine(tmp_path: Path) -> None:
    asked: list[str] = []

    def get_server(server_id: str) -> Any:
        asked.append(server_id)
        return SimpleNamespace(name="shop-web-1", metadata={host_keys.HOST_KEY: PUBLIC})

    known: list[str] = []
    shell: Any = SimpleNamespace(
        run=lambda *_, **__: "", know=lambda entries, *_: known.append(entries[0].server_id)
    )
    connection: Any = SimpleNamespace(compute=SimpleNamespace(get_server=get_server))
    access = Access(connection, operator.OperatorFiles(tmp_path), shell)
    for server_id in ("i1", "i1", "i2"):
        there = [
            Found(Key("server", "shop-web-1"), server_id, {}),
            Found(Key("port", "shop-web-1"), "p1", {}, {"address": "192.168.128.7"}),
            Found(
                Key("floating IP", "shop-web-1"), "f1", {"port": "p1"}, {"address": "203.0.113.7"}
            ),
        ]
        access.open("shop-web-1", {each.key: each for each in there}, lambda text: None)
    assert asked == ["i1", "i2"]
    assert known[-1] == "i2"


@pytest.mark.parametrize("of", ["i1", "i2", ""])
def test_a_machine_that_got_no_metadata_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    """Also where it is the one on the way."""
    monkeypatch.setattr("skytier.openstack.machines.access.REACH_TIMEOUT_S", 0.0)

    def console(server_id: str, **_: Any) -> Any:
        source = "DataSourceNone" if server_id == of else "DataSourceOpenStackLocal"
        return {"output": f"Cloud-init v. 22.4.2 finished at now. Datasource {source}.  Up 95 s"}

    def refuses(*_: Any, **__: Any) -> str:
        raise unreachable("shop-database-1", "Permission denied (publickey).")

    shell: Any = SimpleNamespace(run=refuses, know=lambda *_: None)
    connection: Any = SimpleNamespace(
        compute=SimpleNamespace(get_server_console_output=console, get_server=lambda _: None)
    )
    access = Access(connection, operator.OperatorFiles(tmp_path), shell)
    metadata = {"metadata": {host_keys.HOST_KEY: PUBLIC}}
    there = [
        Found(Key("server", "shop-web-1"), "i1", {}, metadata),
        Found(Key("port", "shop-web-1"), "p1", {}, {"address": "192.168.128.7"}),
        Found(Key("floating IP", "shop-web-1"), "f1", {"port": "p1"}, {"address": "203.0.113.7"}),
        Found(Key("server", "shop-database-1"), "i2", {}, metadata),
        Found(Key("port", "shop-database-1"), "p2", {}, {"address": "192.168.128.8"}),
    ]
    access.write({each.key: each for each in there})
    with pytest.raises(SkytierError) as error:
        access.reach("shop-database-1", lambda text: None)
    if of:
        name = {"i1": "shop-web-1", "i2": "shop-database-1"}[of]
        assert f"{name} got no metadata from the cloud" in error.value.what
        assert f"openstack server reboot {of}." in (error.value.do or "")
    else:
        assert "refuses the SSH key" in error.value.what


NAMES = st.text(max_size=12) | st.text(alphabet='ab1-._*!? \n"%', max_size=8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES, server_id=NAMES, address=NAMES | st.ip_addresses().map(str))
def test_what_is_written_ssh_reads_as_it_was_meant(
    tmp_path: Path, name: str, server_id: str, address: str
) -> None:
    try:
        text = ssh_config.config([SshEntry(name, address, server_id)], KEY, KNOWN)
    except SkytierError:
        return
    file = tmp_path / "config"
    file.write_text(text)
    read = _read(file, name)
    # It compares these names whatever their case.
    found = read["hostname"].lower(), read["hostkeyalias"].lower()
    assert found == (address.lower(), server_id.lower())
    other = _read(file, "another.example.org")
    assert "hostkeyalias" not in other
    assert not {"proxycommand", "localcommand"} & {*read, *other}


PATHS = ["plain", "with space", "50% off", "100%%", "é", "a'b", "#x", "=2Fx", "~x", "a;b", "a$b"]


@pytest.mark.parametrize("directory", PATHS)
def test_paths_are_read_as_they_are(tmp_path: Path, directory: str) -> None:
    there = tmp_path / directory
    there.mkdir()
    file = there / "ssh_config"
    host = SshEntry("web", "203.0.113.7", "id")
    file.write_text(ssh_config.config([host], there / "key", there / "known_hosts"))

    read = _read(file, "web")
    assert read["userknownhostsfile"] == str(there / "known_hosts")
    # This one it shows as it is written, where %% stands for one of them.
    assert read["identityfile"] == str(there / "key").replace("%", "%%")
    with Ssh() as shell:
        shell.know([host], there / "key", "")
        own = _read(shell.config, "web")
    assert own["hostkeyalias"] == "id"
    assert own["identityfile"] == read["identityfile"]


@pytest.mark.parametrize("directory", ['a"b', "a\\b", "a*", "a[b]", "${HOME}", "a\nb"])
def test_a_path_that_cannot_be_written_is_refused(directory: str) -> None:
    with pytest.raises(SkytierError, match="has a meaning of its own") as refused:
        ssh_config.path_in_config(Path("/home") / directory)
    assert "XDG_CONFIG_HOME" in str(refused.value.do)


@given(st.text(min_size=1))
def test_a_clouds_name_is_one_directory_and_safe(cloud: str) -> None:
    base = operator.of("c", "shop").path.parent.parent
    path = operator.of(cloud, "shop").path

    assert path.parent.parent == base
    assert path.parent.name not in ("", ".", "..")
    ssh_config.path_in_config(path)


def test_clouds_with_ordinary_names_keep_their_directories() -> None:
    for cloud in ("mycloud", "my cloud", "ovh-gra.1", "a_b", "user@cloud"):
        assert operator.of(cloud, "shop").path.parent.name == cloud


def test_a_pinned_host_key_that_is_none_is_written_nowhere_and_refused() -> None:
    evil = f"{PUBLIC}\n* {PUBLIC}"
    assert host_keys.known_hosts({"a": PUBLIC, "b": evil}) == f"a {PUBLIC}\n"
    server: Any = SimpleNamespace(name="web", metadata={host_keys.HOST_KEY: evil})
    connection: Any = None
    with pytest.raises(SkytierError, match="is no key") as refused:
        host_keys.learn(connection, server, lambda _: None)
    assert "skytier trust web" in str(refused.value.do)


def _read(file: Path, host: str) -> dict[str, str]:
    """What ssh makes of a configuration, option to value."""
    done = subprocess.run(
        ["ssh", "-G", "-F", str(file), "--", host], capture_output=True, text=True, check=True
    )
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
