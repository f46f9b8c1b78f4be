"""Where the monitor is, who may ask whom, and what the stack file says of it."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from skytier import roles
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import plan
from skytier.errors import SkytierError
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.commands.ssh_target import role_of
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.roles import ROLES
from skytier.secrets.secret import Given
from skytier.services.prometheus.service import targets
from skytier.services.setup import Setup
from skytier.stackfile import parse
from skytier.topology import IngressRule, Machine, Topology
from tests.applications import NOTHING
from tests.roles.topology import (
    BALANCERS,
    DATABASE,
    MEMBERS,
    MONITOR,
    SELF_SIGNED,
    SHARED_ADDRESS,
    TOPOLOGIES,
    TOPOLOGY,
    WEB,
    topology,
)

SECOND = replace(WEB, name="shop-web-2", number=2, address="192.168.128.11")
OWN = TOPOLOGIES["a monitor of its own"]


def resolved(text: str) -> ResolvedStack:
    stack = parse(f'name = "shop"\n{text}')
    image, flavor = Image("i", "debian-12", ""), Flavor("f", "m1.small", 1, 2048, 20)
    choices = Choices(
        dict.fromkeys(stack.machines(), image),
        dict.fromkeys(stack.machines(), flavor),
        ExternalNetwork("n", "public"),
    )
    return ResolvedStack(stack, choices, ROLES, NOTHING)


PROJECT: Any = SimpleNamespace(tags=["skytier:stack=shop"], metadata={"skytier:stack": "shop"})


def groups(text: str) -> dict[str, set[tuple[int, str]]]:
    """Security group to its ingress rules for metrics, each with the group that it lets in."""
    found = wanted(resolved(text), PROJECT, "ssh-ed25519 A", Known())
    return {
        each.key.name: {
            (port, remote.name)
            for port, remote in each.attributes["rules"]
            if isinstance(remote, Key) and port not in (22, 5432)
        }
        for each in found
        if each.key.kind == "security group"
    }


def test_only_the_machine_of_the_monitor_may_ask_the_exporters() -> None:
    assert groups("") == {
        "shop-web": {(9100, "shop-web"), (9113, "shop-web"), (8000, "shop-web")},
        "shop-database": {(9100, "shop-web"), (9187, "shop-web")},
    }
    assert groups("monitor.dedicated = true") == {
        "shop-web": {(9100, "shop-monitor"), (9113, "shop-monitor"), (8000, "shop-monitor")},
        "shop-database": {(9100, "shop-monitor"), (9187, "shop-monitor")},
        "shop-monitor": set(),
    }
    assert groups("monitor.enabled = false") == {"shop-web": set(), "shop-database": set()}


def test_a_monitor_of_its_own_is_a_machine_in_the_private_network() -> None:
    of_its_own = resolved("monitor = {dedicated = true}")
    steps = plan(
        wanted(of_its_own, PROJECT, "ssh-ed25519 A", Known()),
        [],
        RULES,
    )

    kinds = [step.key.kind for step in steps if step.key.name == "shop-monitor-1"]
    assert sorted(kinds) == ["configuration", "port", "server"]
    assert of_its_own.ingress_rules(Known())["monitor"] == [IngressRule(22, "private")]
    (group,) = [s.wanted for s in steps if s.key == Key("security group", "shop-monitor")]
    assert group
    assert group.attributes["rules"] == [[22, "192.168.128.0/24"]]


def test_the_monitor_asks_every_machine_that_there_is() -> None:
    scaled = topology(SELF_SIGNED, [WEB, SECOND, DATABASE])

    asked = {
        (target.job, target.machine, target.role, target.address) for target in targets(scaled)
    }

    assert asked == {
        ("node", "shop-web-1", "web", "192.168.128.10:9100"),
        ("node", "shop-web-2", "web", "192.168.128.11:9100"),
        ("node", "shop-database-1", "database", "192.168.128.20:9100"),
        ("nginx", "shop-web-1", "web", "192.168.128.10:9113"),
        ("nginx", "shop-web-2", "web", "192.168.128.11:9113"),
        ("application", "shop-web-1", "web", "192.168.128.10:8000"),
        ("application", "shop-web-2", "web", "192.168.128.11:8000"),
        ("postgres", "shop-database-1", "database", "192.168.128.20:9187"),
        ("prometheus", "shop-web-1", "web", "127.0.0.1:9090"),
        ("alertmanager", "shop-web-1", "web", "127.0.0.1:9093"),
    }


def test_it_is_on_the_first_web_server_or_on_its_own_machine_and_stopped_elsewhere() -> None:
    scaled = topology(SELF_SIGNED, [SECOND, WEB, DATABASE])

    assert runs_prometheus(scaled, WEB)
    assert not runs_prometheus(scaled, SECOND)
    assert not runs_prometheus(scaled, DATABASE)
    assert runs_prometheus(OWN, MONITOR)
    assert not runs_prometheus(OWN, WEB)
    for stack, machine in ((scaled, SECOND), (OWN, WEB), (TOPOLOGIES["not watched"], WEB)):
        assert "systemctl stop prometheus\n" in roles.setup(stack, machine).script
        assert "systemctl stop prometheus-alertmanager\n" in roles.setup(stack, machine).script
        assert '"prometheus"' not in roles.user_data(stack, machine)


def runs_prometheus(stack: Topology, machine: Machine) -> bool:
    setup = roles.setup(stack, machine)
    names = {check.name for check in setup.checks}
    there = "/etc/skytier/monitor/prometheus.yml" in texts(setup)
    assert there == ({"prometheus", "prometheus-alertmanager"} <= names)
    assert there == ("prometheus-alertmanager" in roles.user_data(stack, machine))
    return there


def texts(setup: Setup) -> dict[str, str]:
    return {file.path: file.text for file in setup.files}


def test_a_stack_that_is_not_watched_has_no_exporter() -> None:
    for machine in TOPOLOGY.machines:
        assert not any(
            "exporter" in path for path in texts(roles.setup(TOPOLOGIES["not watched"], machine))
        )
        assert "exporter" not in roles.user_data(TOPOLOGIES["not watched"], machine)


def test_the_application_tells_its_metrics_to_the_monitor_and_to_its_own_machine_only() -> None:
    own = f'"{WEB.address}"'
    for stack, allowed in ((TOPOLOGY, own), (OWN, f'"{MONITOR.address}", {own}')):
        unit = texts(roles.setup(stack, WEB))["/etc/systemd/system/skytier-app.service"]
        assert f"'SKYTIER_METRICS_FROM=[{allowed}]'" in unit


def test_every_exporter_listens_at_the_private_address_only() -> None:
    for machine in OWN.machines:
        files = texts(roles.setup(OWN, machine)).items()
        units = {path: text for path, text in files if "exporter.service" in path}
        assert units
        for text in units.values():
            assert f"--web.listen-address={machine.address}:" in text
            assert f"IPAddressAllow=localhost {machine.address}" in text


def test_the_monitor_gets_its_settings_from_the_stack_file() -> None:
    stack = resolved(
        "[monitor]\nretention = '500MB'\nlatency_objective_ms = 250\n"
        "webhook = 'https://hooks.example.org/x'\n"
    ).topology(known("web", "database"))
    files = texts(roles.setup(stack, stack.of("web")[0]))

    unit = files["/etc/systemd/system/prometheus.service.d/skytier.conf"]
    assert "--storage.tsdb.retention.size=500MB" in unit
    assert "--web.listen-address=127.0.0.1:9090" in unit
    assert 'le="0.25"' in files["/etc/skytier/monitor/rules/application.yml"]
    receivers = yaml.safe_load(files["/etc/skytier/monitor/alertmanager.yml"])["receivers"]
    assert receivers[0]["webhook_configs"][0]["url"] == "https://hooks.example.org/x"


def test_a_machine_that_is_down_is_one_alert() -> None:
    """What a lost machine no longer answers is an alert of its own, which stays silent then."""
    text = f"web.count = 2\nbalancer.count = 2\ndatabase.members = 3\n{SELF_SIGNED}"
    stack = replace(
        topology(text, [WEB, SECOND, *BALANCERS, *MEMBERS]), virtual_address=SHARED_ADDRESS
    )
    files = texts(roles.setup(stack, stack.of("web")[0]))
    rules = [
        rule
        for path, text in files.items()
        if path.startswith("/etc/skytier/monitor/rules/") and "/tests/" not in path
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    not_answering = {
        each["alert"] for each in rules if re.search(r"\bup(\{[^}]*\})? == 0", each["expr"])
    }
    inhibited = yaml.safe_load(files["/etc/skytier/monitor/alertmanager.yml"])["inhibit_rules"]
    [silent] = [
        each["target_match_re"]["alertname"]
        for each in inhibited
        if each["source_match"] == {"alertname": "MachineDown"}
    ]

    assert {"BalancerDown", "OneBalancerLeft", "DatabaseReplicaGone"} <= not_answering
    assert not [each for each in not_answering if not re.fullmatch(silent, each)]


def test_alerts_are_written_to_everybody_who_is_named() -> None:
    stack = resolved(
        "[monitor]\nemail = ['ops@example.org', 'dev@example.org']\n"
        "smtp_server = 'smtp.example.org:587'\n"
    ).topology(known("web", "database"))
    files = texts(roles.setup(stack, stack.of("web")[0]))

    written = yaml.safe_load(files["/etc/skytier/monitor/alertmanager.yml"])
    (to,) = [each["to"] for each in written["receivers"][0]["email_configs"]]
    assert to == "ops@example.org, dev@example.org"
    assert written["global"]["smtp_from"] == "ops@example.org"


def test_whom_the_certificate_authority_writes_to_may_be_several() -> None:
    several = "tls = 'acme'\ndomain = 'shop.example.org'\nemail = ['a@b.example', 'c@d.example']"
    stack = resolved(several).topology(known("web", "database"))
    program = texts(roles.setup(stack, stack.of("web")[0]))["/usr/local/lib/skytier/certificate"]
    assert "a@b.example,c@d.example" in program


def known(*machines: str) -> Known:
    ports = [Key("port", f"shop-{role}-1") for role in machines]
    return Known(
        {key: Found(key, "", {}, {"address": f"10.0.0.{n}"}) for n, key in enumerate(ports)}
    )


def test_the_password_of_the_mail_server_is_on_the_monitor_alone_and_in_no_file() -> None:
    (password,) = [each for each in roles.secrets(OWN) if "smtp_password" in each.names]
    assert isinstance(password, Given)
    assert not any("smtp_password" in each.names for each in roles.secrets(TOPOLOGY))
    assert "smtp_password" in roles.setup(OWN, MONITOR).secrets
    for machine in (WEB, DATABASE):
        assert "smtp_password" not in roles.setup(OWN, machine).secrets
    assert (
        "@smtp_password@"
        in texts(roles.setup(OWN, MONITOR))["/etc/skytier/monitor/alertmanager.yml"]
    )


def test_monitor_is_a_machine_to_enter_wherever_it_is() -> None:
    assert role_of("monitor", "shop-web-1", "shop") == "monitor"
    assert role_of("web/2", "shop-web-2", "shop") == "web"
    assert role_of("shop-database-1", "shop-database-1", "shop") == "database"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("monitor.email = 'ops@example.org'", "needs smtp_server"),
        ("monitor.retention = 'two'", "is not a size"),
        ("monitor.webhook = 'hooks.example.org'", "begins with https"),
        ("monitor.smtp_server = 'smtp.example.org'", "with its port"),
        ("monitor.dedicated = 'yes'", "true or false"),
        ("monitor.latency_objective_ms = 300", "100, 250, 500"),
        ("monitor.dedicate = true", "Did you mean monitor.dedicated?"),
    ],
)
def test_what_the_section_cannot_hold_is_said(text: str, said: str) -> None:
    with pytest.raises(SkytierError, match=said):
        parse(text)
