"""What is rendered, before the real judges of each file; and ingress rules, names, sizes."""

import os
import re
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from skytier import roles
from skytier.deploy import minor_upgrade
from skytier.errors import SkytierError
from skytier.release.machine import script as release_script
from skytier.render import render
from skytier.roles import ROLES
from skytier.secrets.certificate import authority, self_signed
from skytier.services.haproxy import service as haproxy
from skytier.services.keepalived import service as keepalived
from skytier.services.patroni import behind, members, pause
from skytier.services.setup import Setup
from skytier.services.system import service as system
from skytier.stackfile import MonitorSection, StackFile, parse
from skytier.topology import ANYWHERE, PRIVATE, IngressRule, Machine, Topology
from tests.cluster import container
from tests.roles.conftest import TIMEOUT_S
from tests.roles.topology import (
    BALANCED,
    BALANCER,
    BALANCERS,
    DATABASE,
    MONITOR,
    SELF_SIGNED,
    TOPOLOGIES,
    TOPOLOGY,
    WEB,
    topology,
)

DISTRIBUTIONS = {
    "Ubuntu 20.04": "focal",
    "Ubuntu 22.04": "jammy",
    "Ubuntu 24.04": "noble",
    "Debian 12": "bookworm",
    "Debian 13": "trixie",
}
PATH = os.environ["PATH"] + ":/usr/sbin"
PUBLIC_PORT = 'public = "port"\npublic_network = "provider"'
needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs the package systemd"
)


@pytest.fixture(params=TOPOLOGIES, ids=str)
def stack(request: pytest.FixtureRequest) -> Topology:
    return TOPOLOGIES[request.param]


def user_data(stack: Topology, role: str) -> str:
    elsewhere = {"balancer": BALANCER, "database": DATABASE, "monitor": MONITOR}
    machine = next(iter(stack.of(role)), elsewhere.get(role, WEB))
    return roles.user_data(stack, machine)


def setups(stack: Topology) -> list[Setup]:
    return [roles.setup(stack, machine) for machine in stack.machines]


# The first one may have to make the image.
@pytest.mark.timeout(TIMEOUT_S)
def test_cloud_init_accepts_the_user_data(tmp_path: Path) -> None:
    """Each text once: most stacks have the same ones."""
    stacks = TOPOLOGIES.values()
    texts = {user_data(stack, role) for stack in stacks for role in ROLES}
    texts |= {roles.bake(stack, WEB) for stack in stacks}
    texts.add(user_data(topology(PUBLIC_PORT), "web"))
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.yaml").write_text(text)
    each = (
        'for file in "$0"/*.yaml; do cloud-init schema --config-file "$file" || echo "$file"; done'
    )

    done = run(*_inside(tmp_path), "bash", "-c", each, str(tmp_path))

    assert done.stdout.count("Valid cloud-config") == len(texts), done.stdout + done.stderr


def _inside(directory: Path) -> list[str]:
    """The words before a program that runs where cloud-init is, and sees a directory.

    It is not installed for a test: it would take over the next boot.
    """
    if shutil.which("cloud-init"):
        return []
    if reason := container.missing():
        pytest.skip(f"cloud-init is not installed, and {reason}")
    nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "--read-only"]
    return [*nspawn, f"--bind-ro={directory}", f"--directory={container.image()}"]


@pytest.mark.parametrize("role", ROLES)
def test_user_data_is_small_and_has_no_address(stack: Topology, role: str) -> None:
    text = user_data(stack, role)

    assert system.encoded_size(text) < 8192 < system.USER_DATA_LIMIT
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", text)


@pytest.mark.parametrize("codename", DISTRIBUTIONS.values(), ids=list(DISTRIBUTIONS))
def test_each_distribution_gets_a_postgresql_that_is_new_enough(
    tmp_path: Path, codename: str
) -> None:
    release = tmp_path / "os-release"
    release.write_text(f"VERSION_CODENAME={codename}\n")
    (install,) = [f for f in setups(TOPOLOGY)[1].files if f.path == system.INSTALL]
    text, _, _ = install.text.replace("/etc/os-release", str(release)).partition("# missing")

    wanted = run("bash", "-c", text + 'echo "${wanted[*]}"').stdout.split()

    expected = "postgresql-common" if codename == "focal" else "postgresql"
    exporters = [f"prometheus-{each}-exporter" for each in ("node", "postgres")]
    assert wanted == ["unattended-upgrades", "logrotate", *exporters, expected]


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.11", "3.13"])
def test_an_image_has_what_brings_a_newer_python_to_its_application(
    tmp_path: Path, version: str
) -> None:
    """Baked as well, since lists of packages are gone from an image."""
    (tmp_path / "python3").symlink_to(f"python{version}")
    baked = _written(roles.bake(TOPOLOGY, WEB), system.INSTALL)
    setup = roles.setup(TOPOLOGY, DATABASE)
    (database,) = [file.text for file in setup.files if file.path == system.INSTALL]

    def wanted(text: str) -> list[str]:
        here = text.replace("/usr/bin/python3", str(tmp_path / "python3")).partition("# missing")[0]
        return run("bash", "-c", here + 'echo "${wanted[*]}"').stdout.split()

    assert ("python3-venv" in wanted(baked)) == (version in ("3.8", "3.9", "3.10"))
    assert "python3" in wanted(baked)
    assert "python3-venv" not in wanted(database)
    assert "apt-get" not in roles.setup(TOPOLOGY, WEB).script


def test_all_scripts_are_bash_without_a_finding_of_shellcheck(tmp_path: Path) -> None:
    """Each text once: most stacks have the same ones."""
    stacks = TOPOLOGIES.values()
    scripts = [text for stack in stacks for setup in setups(stack) for text in _scripts(setup)]
    scripts.append(_written(roles.bake(TOPOLOGY, WEB), "/run/skytier-bake"))
    scripts += [
        members.LOOK,
        behind.QUESTION,
        pause.QUESTION,
        minor_upgrade.PROGRAM,
        minor_upgrade.REFRESH,
    ]
    scripts.append(render(system.PACKAGE, "two-ports.sh", private="192.168.128.0/24"))
    values = {"release": "1.0-a", "sha256": "0" * 64, "timeout_s": 9, "look_s": 1, "keep": 3}
    values |= {"place": "releases", "tree": "1.0-a", "paths": ["libraries/a", "releases/1.0-a"]}
    values |= {"path": "releases/1.0-a", "begun": "{}", "healthy": "{}", "failed": "{}"}
    values |= {"now": "1.0-b", "then": "1.0-a"}
    templates = Path(release_script.__code__.co_filename).with_name("templates")
    names = [path.name.removesuffix(".sh.j2") for path in templates.glob("*.sh.j2")]
    scripts += [release_script(name, **values) for name in names]
    paths = []
    for number, text in enumerate(dict.fromkeys(scripts)):
        paths.append(tmp_path / f"{number}.sh")
        paths[-1].write_text(text)

    checked = run("shellcheck", "--shell=bash", *map(str, paths))

    assert checked.returncode == 0, checked.stdout


def _scripts(setup: Setup) -> list[str]:
    files = [file.text for file in setup.files if file.text.startswith("#!/bin/bash")]
    return [setup.script, *files, *(check.script for check in setup.checks)]


def _written(user_data: str, path: str) -> str:
    """A file that a cloud-config writes."""
    files = yaml.safe_load(user_data)["write_files"]
    return str(next(file["content"] for file in files if file["path"] == path))


def test_nginx_accepts_its_file(tmp_path: Path, stack: Topology) -> None:
    (conf,) = [f.text for f in setups(stack)[0].files if f.path == "/etc/skytier/nginx.conf"]
    key, certificate = self_signed([WEB.address])
    for name, text in (("key", key), ("certificate", certificate)):
        (tmp_path / name).write_text(text)
    for found, here in {
        "/etc/skytier/secrets/web_tls_": tmp_path,
        "/etc/skytier/tls/": tmp_path,
        "/run/": tmp_path,
        "/var/log/nginx/": tmp_path,
        "/var/lib/nginx/": tmp_path,
    }.items():
        conf = conf.replace(f'"{found}', f'"{here}/')
    if os.geteuid() != 0:
        conf = conf.replace("user www-data;", "")
    path = tmp_path / "nginx.conf"
    path.write_text(conf)

    checked = run("nginx", "-t", "-c", str(path))

    # An ordinary user may not listen at port 80: that is tried after the file was read.
    assert "syntax is ok" in checked.stderr, checked.stderr
    assert "[warn] " not in checked.stderr.replace('[warn] the "user" directive', "")


def assert_haproxy_accepts(conf: str, tmp_path: Path) -> None:
    key, certificate = self_signed([BALANCER.address])
    (tmp_path / "site.pem").write_text(certificate)
    (tmp_path / "site.pem.key").write_text(key)
    (tmp_path / "kept").write_text("1\n")  # as a set-up leaves it on a new machine
    conf = conf.replace(haproxy.KEPT, str(tmp_path / "kept"))
    path = tmp_path / "haproxy.cfg"
    path.write_text(conf.replace("/etc/skytier/tls/", f"{tmp_path}/"))

    checked = run("haproxy", "-c", "-f", str(path))

    assert checked.returncode == 0, checked.stderr
    assert "[WARNING]" not in checked.stderr, checked.stderr


@pytest.mark.parametrize(
    "text",
    ["", SELF_SIGNED, f"ipv6 = true\n{SELF_SIGNED}"],
    ids=["HTTP", "HTTPS", "HTTPS and IPv6"],
)
def test_haproxy_accepts_its_file(tmp_path: Path, text: str) -> None:
    stack = topology(f"web.count = 2\n{text}", BALANCED)
    files = roles.setup(stack, BALANCER).files
    (conf,) = [file.text for file in files if file.path == "/etc/skytier/haproxy.cfg"]
    assert_haproxy_accepts(conf, tmp_path)


ACME = 'tls = "acme"\ndomain = "shop.example.org"\nemail = "a@example.org"'


@pytest.mark.parametrize("text", ["", ACME], ids=["HTTP", "ACME"])
def test_haproxy_accepts_the_file_of_one_of_two(tmp_path: Path, text: str) -> None:
    stack = topology(f"web.count = 2\nbalancer.count = 2\n{text}", [*BALANCED[:-1], *BALANCERS])
    conf = _texts(stack, stack.of("balancer")[0])["haproxy.cfg"]
    assert_haproxy_accepts(conf, tmp_path)
    # What comes from the other balancer goes to no balancer again.
    assert ("{ src 192.168.128.6 }" in conf) is bool(text)
    assert re.findall(
        r"^    server (\S+ \S+)$", conf.partition("backend challenges\n")[2], re.M
    ) == (
        ["certbot 127.0.0.1:8402", "shop-balancer-2 192.168.128.6:80", "certbot 127.0.0.1:8402"]
        if text
        else []
    )


@pytest.mark.parametrize("name", [name for name in TOPOLOGIES if name.startswith("two balancers")])
def test_keepalived_accepts_its_file_and_refuses_another(tmp_path: Path, name: str) -> None:
    stack = TOPOLOGIES[name]
    for machine, other in zip(stack.of("balancer"), reversed(stack.of("balancer")), strict=True):
        conf = _texts(stack, machine)["keepalived.conf"]
        assert f"unicast_src_ip {machine.address}\n" in conf
        assert re.findall(r"unicast_peer \{\s+(.*?)\s+\}", conf) == [other.address]
        interface = tmp_path / "interface.conf"
        interface.write_text(f"$INTERFACE={_interface()}\n")
        conf = conf.replace(keepalived.INTERFACE, str(interface))
        # Scripts have to be there.
        conf = re.sub(r"/usr/local/lib/skytier/\S+", shutil.which("true") or "", conf)
        path = tmp_path / "keepalived.conf"
        path.write_text(conf)
        words = ("keepalived", "--config-test", f"--use-file={path}")
        # The exit code of Debian 12's is that of a signal, whatever it finds.
        assert run(*words).stderr == ""
        path.write_text(conf.replace("nopreempt", "nopreempted"))
        assert "nopreempted" in run(*words).stderr


def _interface() -> str:
    """A network interface of this machine that is no loopback."""
    return next(name for _, name in socket.if_nameindex() if name != "lo")


def test_haproxy_accepts_the_file_of_the_way_to_the_database(tmp_path: Path) -> None:
    files = roles.setup(TOPOLOGIES["two members"], WEB).files
    (conf,) = [file.text for file in files if file.path.endswith("database-proxy/haproxy.cfg")]
    (tmp_path / "ca.crt").write_text(authority("patroni_ca")[1])
    path = tmp_path / "haproxy.cfg"
    path.write_text(conf.replace("/etc/skytier/database-proxy/", f"{tmp_path}/"))

    checked = run("haproxy", "-c", "-f", str(path))

    assert checked.returncode == 0, checked.stderr
    assert "[WARNING]" not in checked.stderr, checked.stderr


def test_haproxy_accepts_the_file_of_the_way_to_redis(tmp_path: Path) -> None:
    conf = _texts(TOPOLOGIES["three members of Redis"], WEB)["haproxy.cfg"]
    (tmp_path / "ca.crt").write_text(authority("redis_ca")[1])
    (tmp_path / "password.cfg").write_text('global\n    setenv REDIS_MONITOR_PASSWORD "secret"\n')
    path = tmp_path / "haproxy.cfg"
    path.write_text(conf.replace("/etc/skytier/redis-proxy/", f"{tmp_path}/"))

    checked = run("haproxy", "-c", "-f", str(tmp_path / "password.cfg"), "-f", str(path))

    assert checked.returncode == 0, checked.stderr
    assert "[WARNING]" not in checked.stderr, checked.stderr


def test_the_kernel_s_watchdog_is_loaded_and_handed_to_patroni() -> None:
    setup = roles.setup(TOPOLOGIES["two members"], DATABASE)
    (unit,) = [file.text for file in setup.files if file.path.endswith("skytier-patroni.service")]

    (prepared,) = re.findall(r"^ExecStartPre=-\+/bin/sh -c '(.*)'$", unit, re.MULTILINE)

    # By root (`+`), for the user that Patroni runs as; a kernel without one is no fault (`-`).
    assert "User=postgres" in unit
    assert prepared.split("; ") == [
        "[ -e /dev/watchdog ] || modprobe -q softdog",
        "[ ! -e /dev/watchdog ] || chown postgres /dev/watchdog",
    ]
    assert "watchdog:\n  mode: automatic\n  device: /dev/watchdog\n" in setup.script


@needs_systemd
def test_systemd_accepts_the_units(tmp_path: Path, stack: Topology) -> None:
    units = [f for f in setups(stack)[0].files if f.path.startswith("/etc/systemd/system/")]
    paths = []
    for file in units:
        if not file.path.endswith((".service", ".socket", ".timer")):
            continue
        # What they start is on the machine, not here.
        text = re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", file.text, flags=re.MULTILINE)
        paths.append(tmp_path / file.path.rpartition("/")[2])
        paths[-1].write_text(text)

    checked = run("systemd-analyze", "verify", "--man=no", *map(str, paths))

    mine = [line for line in checked.stderr.splitlines() if "skytier-" in line]
    assert mine == [], checked.stderr


@needs_systemd
def test_the_unit_s_security_score_is_the_documented_one(tmp_path: Path) -> None:
    (unit,) = [f for f in setups(TOPOLOGY)[0].files if f.path.endswith("/skytier-app.service")]
    path = tmp_path / "skytier-app.service"
    path.write_text(unit.text)

    judged = run("systemd-analyze", "security", "--offline=true", "--threshold=12", str(path))
    if "unrecognized option" in judged.stderr:
        pytest.skip("this systemd cannot judge a file")

    assert judged.returncode == 0, judged.stdout


def test_the_certificate_until_the_authority_gives_one_is_for_its_server_alone(
    tmp_path: Path,
) -> None:
    (conf,) = [
        f for f in setups(TOPOLOGIES["acme"])[0].files if f.path.endswith("/placeholder.cnf")
    ]
    (tmp_path / "cnf").write_text(conf.text)
    made = run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-config", f"{tmp_path}/cnf", "-keyout", f"{tmp_path}/key"),
    )

    extensions = x509.load_pem_x509_certificate(made.stdout.encode()).extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["shop.example.org"]


@pytest.mark.parametrize(("memory_mib", "most"), [(768, 460), (2048, 1228), (65536, 39321)])
def test_the_application_has_a_limit_of_memory_by_its_machine(memory_mib: int, most: int) -> None:
    web = replace(WEB, memory_mib=memory_mib)
    setup = roles.setup(topology(SELF_SIGNED, [web, DATABASE]), web)
    (unit,) = [f.text for f in setup.files if f.path.endswith("/skytier-app.service")]
    assert f"\nMemoryMax={most}M\n" in unit


@pytest.mark.parametrize(
    ("outgoing", "allowed"),
    [
        ('"any"', ""),
        ('"stack"', "localhost 192.168.128.0/24"),
        ('["stack"]', "localhost 192.168.128.0/24"),
        (
            '["198.51.100.7", "203.0.113.0/24", "198.51.100.7/32"]',
            "localhost 192.168.128.0/24 9.9.9.9 198.51.100.7/32 203.0.113.0/24",
        ),
    ],
)
def test_the_application_connects_to_what_the_stack_file_names(outgoing: str, allowed: str) -> None:
    stack = topology(f'dns = ["9.9.9.9"]\napplication = {{serve = "a:b", outgoing = {outgoing}}}')
    units = ("skytier-app.service", "skytier-second.service", "skytier-process@.service")
    for file in roles.setup(stack, WEB).files:
        if file.path.endswith((*units, "skytier-job@.service")):
            lines = re.findall(r"^IPAddress(Deny|Allow)=(.*)$", file.text, re.MULTILINE)
            assert lines == ([("Deny", "any"), ("Allow", allowed)] if allowed else [])


def _texts(stack: Topology, machine: Machine) -> dict[str, str]:
    """The files of a machine by the ends of their paths."""
    return {f.path.rpartition("/")[2]: f.text for f in roles.setup(stack, machine).files}


def test_with_ipv6_a_web_server_listens_on_both_and_knows_its_names() -> None:
    stack = TOPOLOGIES["IPv6"]
    web = stack.of("web")[0]
    texts = _texts(stack, web)
    listens = re.findall(r"^ +listen (.*);$", texts["nginx.conf"], re.MULTILINE)
    tls = ["443 ssl http2", "[::]:443 ssl http2"]
    assert listens == ["80", "[::]:80", "127.0.0.1:8081", *tls]
    both = "SKYTIER_HOSTS=203.0.113.7,[2001:db8:1::7],192.168.128.10 "
    origins = "SKYTIER_ORIGINS=https://203.0.113.7,https://[2001:db8:1::7]"
    assert f"\nEnvironment={both}{origins}\n" in texts["skytier-app.service"]
    # By `api_from`, too, which has a network of IPv6.
    socket = texts["skytier-app.socket"]
    assert "\nListenStream=[2001:db8:1::7]:8000\n" in socket
    assert "localhost 192.168.128.0/24 198.51.100.0/24 2001:db8:8::/64\n" in socket
    nginx = next(each for each in roles.setup(stack, web).checks if each.name == "nginx")
    assert "address show scope global to 2001:db8:1::7" in nginx.script
    secrets = {secret.name: secret for secret in roles.secrets(stack)}
    assert list(secrets["web_tls"].hosts) == ["203.0.113.7", "2001:db8:1::7"]


def test_with_ipv6_the_balancer_listens_on_both_and_web_servers_on_the_private_network() -> None:
    stack = TOPOLOGIES["a balancer with IPv6 and ACME"]
    balancer, web = stack.of("balancer")[0], stack.of("web")[0]
    proxy, nginx = _texts(stack, balancer)["haproxy.cfg"], _texts(stack, web)["nginx.conf"]
    binds = [line.split()[1] for line in proxy.splitlines() if line.startswith("    bind ")]
    assert binds[:4] == [":80", ":::80", ":443", ":::443"]
    assert re.findall(r"^ +listen (.*);$", nginx, re.MULTILINE) == ["127.0.0.1:8081", "8080"]
    # The balancer says who comes, and by which address.
    assert "0 $network;" in nginx
    acme = next(each for each in roles.setup(stack, balancer).checks if each.name == "acme")
    assert "point shop.example.org to 203.0.113.7 (A) and 2001:db8:1::7 (AAAA)" in acme.script


def test_without_ipv6_nothing_of_it_is_rendered() -> None:
    for name in ("self-signed", "a balancer with ACME", "open API"):
        stack = TOPOLOGIES[name]
        for machine in stack.machines:
            texts = _texts(stack, machine)
            for file in ("nginx.conf", "haproxy.cfg", "skytier-app.socket"):
                assert "[::]" not in texts.get(file, "")
                assert ":::" not in texts.get(file, "")
                assert "$network" not in texts.get(file, "")


def test_only_nginx_s_user_gets_to_the_socket_where_clients_are_vouched_for() -> None:
    texts = {file.path.rpartition("/")[2]: file.text for file in setups(TOPOLOGY)[0].files}

    socket = texts["skytier-app.socket"]
    assert "\nListenStream=/run/skytier-app.sock\nSocketUser=www-data\nSocketMode=0600\n" in socket
    assert 'server "unix:/run/skytier-app.sock" fail_timeout=0;' in texts["nginx.conf"]
    assert "TRUSTED_PROXIES" not in texts["skytier-app.service"]


def test_ingress_rules() -> None:
    rules = roles.ingress_rules(
        StackFile(
            ssh_from=("198.51.100.0/24", "203.0.113.9/32"),
            api_from=("192.0.2.0/24",),
            monitor=MonitorSection(enabled=False),
        )
    )

    assert sorted(rules["web"], key=str) == sorted(
        [
            IngressRule(80, ANYWHERE),
            IngressRule(443, ANYWHERE),
            IngressRule(22, "198.51.100.0/24"),
            IngressRule(22, "203.0.113.9/32"),
            IngressRule(8000, "192.0.2.0/24"),
        ],
        key=str,
    )
    assert sorted(rules["database"], key=str) == [IngressRule(22, "web"), IngressRule(5432, "web")]
    closed = roles.ingress_rules(StackFile(monitor=MonitorSection(enabled=False)))["web"]
    assert sorted(rule.port for rule in closed) == [22, 80, 443]


def test_with_a_balancer_visitors_and_operators_come_to_it_alone() -> None:
    rules = roles.ingress_rules(topology("web.count = 2", BALANCED).stack)
    public = {name for name, each in rules.items() if {80, 443} & {rule.port for rule in each}}
    assert public == {"balancer"}
    assert IngressRule(8080, "balancer") in rules["web"]
    ssh = {name: {rule.remote for rule in rules[name] if rule.port == 22} for name in rules}
    assert ssh["balancer"] == {ANYWHERE, PRIVATE}
    # The web servers stay: a rule that is removed would end connections of the database.
    assert ssh["web"] == ssh["database"] == {"balancer", "web"}


@pytest.mark.parametrize(
    ("text", "moves_from", "opened"),
    [
        (
            "web.count = 2",
            "web",
            {("web", 80, ANYWHERE), ("web", 443, ANYWHERE), ("web", 22, "198.51.100.0/24")},
        ),
        (
            "web.count = 1",
            "balancer",
            {("web", 8080, "balancer"), ("web", 22, "balancer"), ("database", 22, "balancer")},
        ),
    ],
    ids=["a balancer comes", "a balancer goes"],
)
def test_while_the_address_moves_both_ways_are_open(
    text: str, moves_from: str, opened: set[tuple[str, int, str]]
) -> None:
    stack = parse(f'ssh_from = ["198.51.100.0/24"]\n{text}')
    after = roles.ingress_rules(stack)
    during = roles.ingress_rules(stack, moves_from)
    more = {
        (name, rule.port, rule.remote)
        for name, each in during.items()
        for rule in each
        if rule not in after[name]
    }
    assert more == opened
    assert all(rule in during[name] for name, each in after.items() for rule in each)


@pytest.mark.parametrize("machine", TOPOLOGY.machines, ids=lambda machine: machine.role)
def test_a_fingerprint_changes_with_what_it_names(machine: Machine) -> None:
    name = roles.setup(TOPOLOGY, machine).fingerprint()

    assert roles.setup(replace(TOPOLOGY), machine).fingerprint() == name
    more = topology(f'{SELF_SIGNED}{machine.role}.packages = ["jq"]')
    others = {
        roles.setup(more, machine).fingerprint(),
        roles.setup(TOPOLOGY, replace(machine, address="192.168.128.77")).fingerprint(),
        roles.setup(TOPOLOGY, replace(machine, memory_mib=4096, vcpus=4)).fingerprint(),
    }
    assert len(others | {name}) == 4


def test_every_web_server_more_raises_what_postgresql_lets_in() -> None:
    def connections(webs: int, vcpus: int) -> int:
        machines = [replace(WEB, number=n, vcpus=vcpus, memory_mib=8192) for n in range(webs)]
        setup = roles.setup(topology(SELF_SIGNED, [*machines, DATABASE]), DATABASE)
        (conf,) = [f.text for f in setup.files if f.path.endswith("postgresql/skytier.conf")]
        return int(re.findall(r"^max_connections = (\d+)$", conf, re.MULTILINE)[0])

    assert [connections(1, 1), connections(4, 4), connections(8, 16)] == [100, 220, 1460]


def test_what_cannot_work_is_said_when_it_is_planned() -> None:
    with pytest.raises(SkytierError, match="shop-web-1 needs postgresql"):
        roles.setup(topology(SELF_SIGNED, [WEB]), WEB)
    with pytest.raises(SkytierError, match="needs domain"):
        topology('tls = "acme"')


def run(*command: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0], path=PATH)
    assert program, f"{command[0]} is missing: ./test.sh installs it"
    return subprocess.run(
        [program, *command[1:]], check=False, capture_output=True, text=True, env=os.environ
    )


TLS, DOMAIN = 'tls = "self-signed"\n', 'domain = "shop.example.org"\n'


@pytest.mark.parametrize(
    ("text", "hosts", "origins"),
    [
        ("", "203.0.113.7", "http://203.0.113.7,https://203.0.113.7"),
        (TLS, "203.0.113.7", "https://203.0.113.7"),
        (
            TLS + DOMAIN,
            "shop.example.org,203.0.113.7",
            "https://shop.example.org,https://203.0.113.7",
        ),
    ],
)
def test_the_application_learns_its_hosts_and_is_asked_as_a_visitor_asks(
    text: str, hosts: str, origins: str
) -> None:
    setup = roles.setup(topology(text), WEB)
    files = {file.path: file.text for file in setup.files}
    # The service, and each other command of the application.
    for path in ("/etc/systemd/system/skytier-app.service", "/usr/local/sbin/skytier-app"):
        named = f"SKYTIER_HOSTS={hosts},{WEB.address} SKYTIER_ORIGINS={origins}"
        assert named in files[path]
    (check,) = (each for each in setup.checks if each.name == "application")
    site, scheme = hosts.partition(",")[0], origins.partition(":")[0]
    assert "X-Forwarded-Proto" in check.script
    assert f"site={site} scheme={scheme}\n" in check.script
