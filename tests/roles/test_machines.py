"""The machines for real: cloud-init, the setup, its checks, and what they refuse."""

import re
import shlex
import time

import pytest
import yaml

from skytier import roles
from skytier.deploy.condition import Asked, Wrong, judged
from skytier.errors import SkytierError
from skytier.metrics.catalogue import CHARTS
from skytier.poll import until
from skytier.services.prometheus.service import targets
from skytier.services.system import condition
from skytier.topology import Machine
from tests.roles.conftest import Machines
from tests.roles.topology import DATABASE, SELF_SIGNED, TOPOLOGIES, WEB, topology


@pytest.mark.parametrize("machine", [WEB, DATABASE], ids=["web", "database"])
def test_cloud_init_carries_out_the_user_data(machines: Machines, machine: Machine) -> None:
    one = machines.of(machine)

    assert "status: done" in one.run("cloud-init status --long")
    assert one.run("hostname").strip() == machine.name
    assert machine.name in one.run(f"getent hosts {machine.name}"), "sudo wants to resolve it"
    keys = one.run("cd /etc/ssh && echo ssh_host_*_key").split()
    assert keys == ["ssh_host_ecdsa_key", "ssh_host_ed25519_key"]


def test_all_checks_pass(machines: Machines) -> None:
    assert machines.wrong() == {}


def wrong_on(machines: Machines, machine: Machine) -> list[Wrong]:
    """What a look at a machine finds."""
    units = roles.running_on(machines.cluster.topology().stack, machine.role, 1)
    before = time.time()
    said = machines.of(machine).run(condition.script(units))
    return judged({machine.name: Asked(condition.read(said), before, time.time())})


def test_a_look_at_machines_that_are_well_finds_nothing(machines: Machines) -> None:
    assert wrong_on(machines, WEB) == []
    assert wrong_on(machines, DATABASE) == []


def test_services_that_were_stopped_or_killed_are_found_and_started(machines: Machines) -> None:
    machines.web.run("systemctl stop nginx")
    main = "systemctl show --property=MainPID --value 'postgresql@*'"
    machines.database.run(f"kill -9 $({main})")
    machines.database.wait_for("systemctl --failed --plain | grep -q postgresql@")

    web, database = wrong_on(machines, WEB), wrong_on(machines, DATABASE)
    for machine, wrong in ((machines.web, web), (machines.database, database)):
        for each in wrong:
            machine.run(each.script)

    assert [each.fault.what for each in web] == ["nginx.service is inactive"]
    [failed] = database
    assert failed.fault.what.startswith("postgresql@")
    assert failed.fault.what.endswith("is failed")
    assert wrong_on(machines, WEB) == wrong_on(machines, DATABASE) == []
    # The application says for a moment what it found while the database was away.
    until(lambda: not machines.wrong(), 120)
    assert machines.wrong() == {}


def test_a_full_disk_is_found(machines: Machines) -> None:
    home = "/var/lib/postgresql"
    machines.web.run(f"mkdir -p {home} && mount -t tmpfs -o size=1M none {home}")
    machines.web.run(f"head -c 2M /dev/zero >{home}/full || true")
    try:
        [wrong] = wrong_on(machines, WEB)
    finally:
        machines.web.run(f"umount {home}")

    assert wrong.fault.what == f"{home} is 100% full: 0 B left"
    assert wrong.script == ""


def test_a_large_log_is_rotated_and_nginx_writes_to_the_new_one(machines: Machines) -> None:
    web, log = machines.web, "/var/log/nginx/access.log"
    assert web.run("systemctl is-active logrotate.timer").strip() == "active"
    web.run(f"truncate --size=+201M {log}")
    try:
        web.run("systemctl start logrotate")
        ask = (
            "exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET /rotated HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
        )
        web.run(f"{ask} >/dev/null")
        web.wait_for(f"grep -q /rotated {log}")
        assert int(web.run(f"stat --format=%s {log}.1")) > 200 * 2**20
    finally:
        web.run(f"rm -f {log}.1")


@pytest.mark.parametrize("machine", [WEB, DATABASE], ids=["web", "database"])
def test_a_second_setup_restarts_nothing(machines: Machines, machine: Machine) -> None:
    services = "systemctl show --property=Id,MainPID,ActiveEnterTimestamp,InvocationID -- "
    services += "nginx skytier-app 'postgresql@*' ssh systemd-journald 'prometheus*'"
    before = machines.of(machine).run(services)

    machines.set_up(machine)

    assert machines.of(machine).run(services) == before


def test_after_a_restart_of_both_all_is_there_again(machines: Machines) -> None:
    machines.database.run(_sql("CREATE TABLE kept AS SELECT 42 AS answer"))

    for machine in (machines.web, machines.database):
        machine.stop()
    for machine in (machines.web, machines.database):
        machines.cluster.servers.start(machine.name)
    for machine in (machines.web, machines.database):
        machine.wait()

    machines.web.wait_for('[ -z "$(systemctl list-jobs --no-legend)" ]')
    machines.database.wait_for('[ -z "$(systemctl list-jobs --no-legend)" ]')
    health = "exec 3<>/dev/tcp/192.168.128.10/8000; printf 'GET /health HTTP/1.0\r\n\r\n' >&3; "
    machines.web.wait_for(f"{health} grep -q ' 200 ' <&3")
    # What was started takes a moment until it answers.
    until(lambda: not machines.wrong(), 120)
    assert machines.wrong() == {}
    assert machines.database.run(_sql("SELECT answer FROM kept")).strip() == "42"
    machines.database.run(_sql("DROP TABLE kept"))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("sslmode=disable", "no encryption"),
        ("user=postgres sslmode=require", "no pg_hba.conf entry"),
        ("dbname=postgres sslmode=require", "no pg_hba.conf entry"),
        ("sslmode=verify-full sslrootcert=/etc/skytier/secrets/web_tls_certificate", "verify"),
        ("sslmode=verify-full hostaddr=192.168.128.20 host=elsewhere", "does not match host"),
        ("password=wrong sslmode=require", "password authentication failed"),
    ],
    ids=["without TLS", "superuser", "other database", "other certificate", "name", "password"],
)
def test_postgresql_refuses(machines: Machines, parameters: str, said: str) -> None:
    default = "host=192.168.128.20 user=skytier dbname=skytier password=x"
    default += " sslrootcert=/etc/skytier/database.crt"

    with pytest.raises(SkytierError) as refused:
        machines.web.run(f"psql '{default} {parameters}' -c 'SELECT 1'")

    assert said in refused.value.what


def test_postgresql_is_tuned_for_the_machine_and_keeps_checksums(machines: Machines) -> None:
    settings = "shared_buffers, data_checksums, ssl_min_protocol_version, server_encoding"
    said = [machines.database.run(_sql(f"SHOW {name}")).strip() for name in settings.split(", ")]

    assert said == ["192MB", "on", "TLSv1.3", "UTF8"]
    verifier = _sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'skytier'")
    assert machines.database.run(verifier).startswith("SCRAM-SHA-256$")


def test_a_changed_setting_is_taken_with_a_restart_only_when_it_needs_one(
    running: Machines,
) -> None:
    conf, started = "/etc/skytier/postgresql/skytier.conf", "SELECT pg_postmaster_start_time()"
    script = running.setup(DATABASE).script
    before = running.database.run(_sql(started))

    running.database.run(f"sed -i 's/^work_mem = .*/work_mem = 5MB/' {conf}")
    running.database.run(script)
    assert running.database.run(_sql("SHOW work_mem")).strip() == "5MB"
    assert running.database.run(_sql(started)) == before

    running.database.run(f"sed -i 's/^max_connections = .*/max_connections = 123/' {conf}")
    running.database.run(script)
    assert running.database.run(_sql("SHOW max_connections")).strip() == "123"
    assert running.database.run(_sql(started)) != before


def test_a_configuration_that_is_refused_leaves_the_servers_as_they_are(
    running: Machines,
) -> None:
    for machine, path, line, said in (
        (DATABASE, "/etc/skytier/postgresql/skytier.conf", "nonsense = on", "unrecognized config"),
        (WEB, "/etc/skytier/nginx.conf", "nonsense on;", "unknown directive"),
    ):
        one = running.of(machine)
        one.run(f"echo '{line}' >>{path}")

        with pytest.raises(SkytierError) as refused:
            one.run(running.setup(machine).script)

        assert said in refused.value.what
    assert running.wrong() == {}


@pytest.mark.parametrize(
    ("machine", "damage", "repair", "check", "said"),
    [
        (
            WEB,
            "systemctl stop nginx",
            "systemctl start nginx",
            "web nginx",
            "Nginx does not run: it is inactive.",
        ),
        # Prometheus asks it now and then, and its socket starts it for whoever asks.
        (
            WEB,
            "systemctl stop prometheus skytier-app",
            "systemctl start prometheus skytier-app",
            "web application",
            "does not run: it is inactive",
        ),
        (
            WEB,
            "echo PermitRootLogin yes >/etc/ssh/sshd_config.d/00.conf",
            "rm /etc/ssh/sshd_config.d/00.conf",
            "web ssh",
            "'permit",
        ),
        (
            DATABASE,
            "systemctl stop postgresql",
            "systemctl start postgresql",
            "database postgresql",
            "does not run",
        ),
        (
            DATABASE,
            "cd /etc/postgresql/*/main/conf.d; echo ssl = off >z.conf; systemctl reload postgresql",
            "rm /etc/postgresql/*/main/conf.d/z.conf; systemctl reload postgresql",
            "database postgresql",
            "PostgreSQL has TLS turned off.",
        ),
    ],
    ids=["Nginx", "application", "root by SSH", "PostgreSQL", "no TLS"],
)
def test_a_check_says_what_is_wrong(
    running: Machines, machine: Machine, damage: str, repair: str, check: str, said: str
) -> None:
    running.of(machine).run(damage)

    # What is told to read its files again takes a moment.
    wrong = until(lambda: running.wrong().get(check, ""), 60)

    running.of(machine).run(repair)
    assert said in wrong


def test_without_the_database_the_application_says_so(running: Machines) -> None:
    running.database.run("systemctl stop postgresql")

    # /health looks at the database at most once a second.
    said = until(lambda: running.wrong().get("web application", ""), 120)

    running.database.run("systemctl start postgresql")
    assert said.startswith("The application is not healthy: ")
    assert '"status":"unavailable"' in said


def test_prometheus_asks_every_machine_and_knows_whose_answer_it_is(machines: Machines) -> None:
    machines.web.wait_for(f'[ -z "$({_asked("up == 0")})" ] && [ -n "$({_asked("up")})" ]')

    def found() -> list[str]:
        return sorted(machines.web.run(_asked("up")).split())

    told = [(t.job, t.machine, t.role) for t in targets(machines.cluster.topology())]
    wanted = sorted("/".join(("shop", *target)) for target in told)
    # Once it is started it asks one after another.
    until(lambda: found() == wanted, 120)
    assert found() == wanted
    metrics = ["node_cpu_seconds_total", "pg_stat_activity_count", "nginx_connections_active"]
    for metric in (
        *metrics,
        "pg_replication_lag == 0",
        "redis_up == 1 and redis_memory_max_bytes > 0",
    ):
        machines.web.wait_for(f'[ -n "$({_asked(metric)})" ]')
    expiry = "skytier_certificate_expiry_timestamp_seconds > time()"
    machines.web.wait_for(f'[ -n "$({_asked(expiry)})" ]')


def test_every_metric_of_a_chart_or_a_rule_is_there(machines: Machines) -> None:
    rules = [
        rule["expr"]
        for file in machines.setup(WEB).files
        if file.path.endswith(".yml")
        for group in (yaml.safe_load(file.text) or {}).get("groups", ())
        for rule in group["rules"]
    ]
    assert len(rules) > 20
    of_exporters = re.compile(r"\b(?:node|pg|nginx|redis)_\w+")
    queries = [*rules, *(chart.query for chart in CHARTS)]
    # Some versions tell these by another name, which the same chart asks for too.
    renamed = {"pg_database_size_bytes", "pg_replication_lag_seconds"}
    wanted = {name for query in queries for name in of_exporters.findall(query)} - renamed
    every = "count by (__name__) ({__name__=~'(node|pg|nginx|redis)_.*'})"

    def missing() -> set[str]:
        return wanted - set(machines.web.run(_asked(every, "__name__")).split())

    until(lambda: not missing(), 120)
    assert missing() == set()


def test_the_exporter_of_postgresql_reads_no_data(machines: Machines) -> None:
    as_exporter = "runuser -u prometheus -- psql -XAt -h /run/postgresql"

    assert machines.database.run(f"{as_exporter} postgres -c 'SELECT 1'").strip() == "1"
    for refused in ("skytier -c 'SELECT 1'", "postgres -c 'SELECT * FROM pg_authid'"):
        with pytest.raises(SkytierError):
            machines.database.run(f"{as_exporter} {refused}")


def test_what_watches_is_bounded_and_reaches_only_itself_or_the_private_network(
    machines: Machines,
) -> None:
    listening = machines.web.run("ss --tcp --listening --no-header --numeric")
    found = {line.split()[3] for line in listening.splitlines()}
    assert {"127.0.0.1:9090", "127.0.0.1:9093", "127.0.0.1:8081"} <= found
    assert {f"{WEB.address}:{port}" for port in (9100, 9113, 9121, 6379, 6380)} <= found
    elsewhere = {
        f"{any_}:{port}"
        for any_ in ("*", "0.0.0.0")
        for port in (9090, 9093, 9100, 9113, 9121, 6379, 6380)
    }
    assert not elsewhere & found
    show = "systemctl show --property=MemoryMax,CPUWeight --value prometheus"
    assert set(machines.web.run(show).split()) == {"20", str(192 * 2**20)}


def test_the_password_of_the_mail_server_is_in_one_file_that_only_the_service_reads(
    running: Machines,
) -> None:
    password = 'it\'s & \\ $HOME "@smtp_password@" % ü'
    sent = topology(
        'tls = "self-signed"\n[monitor]\nemail = "ops@example.org"\n'
        'smtp_server = "smtp.example.org:25"\nsmtp_username = "a"'
    )
    setup = roles.setup(sent, WEB)

    running.web.set_up(setup, {**running.secrets, "smtp_password": password})

    file = "/etc/skytier/monitor/private/alertmanager.yml"
    said = yaml.safe_load(running.web.run(f"cat {file}"))
    assert said["global"]["smtp_auth_password"] == password
    owner = running.web.run(f"stat --format='%U %G %a' {file}").split()
    assert owner == ["root", "prometheus", "640"]
    assert running.web.run("systemctl is-active prometheus-alertmanager").strip() == "active"


def test_a_monitor_that_is_not_wanted_any_more_is_stopped_and_comes_back(running: Machines) -> None:
    units = "prometheus prometheus-alertmanager prometheus-node-exporter prometheus-nginx-exporter"
    states = f"systemctl is-active {units} || true"
    assert running.web.run(states).split() == ["active"] * 4

    for machine in (WEB, DATABASE):
        setup = roles.setup(TOPOLOGIES["not watched"], machine)
        running.of(machine).set_up(setup, running.secrets)

    assert running.web.run(states).split() == ["inactive"] * 4
    wanted = "ls /etc/systemd/system/multi-user.target.wants"
    assert "prometheus" not in running.web.run(wanted) + running.database.run(wanted)
    running.set_up(WEB)
    assert running.web.run(states).split() == ["active"] * 4


def test_a_package_that_does_not_exist_is_named_with_what_apt_says(machines: Machines) -> None:
    more = topology(f'{SELF_SIGNED}web.packages = ["no-such-package"]')
    setup = roles.setup(more, WEB)
    one = machines.web

    with pytest.raises(SkytierError) as refused:
        one.set_up(setup, machines.secrets)
    code, said = one.ask(next(c for c in setup.checks if c.name == "packages"))

    machines.set_up(WEB)
    assert "could not install these packages: no-such-package" in refused.value.what
    assert (code, said.splitlines()[0]) == (1, "These packages are not installed: no-such-package")


@pytest.mark.parametrize("machine", [WEB, DATABASE], ids=["web", "database"])
def test_no_secret_is_where_another_may_read_it(machines: Machines, machine: Machine) -> None:
    one, password = machines.of(machine), machines.secrets["database_password"]
    key = machines.secrets["database_tls_key"].splitlines()[1]
    of_redis = [machines.secrets[name] for name in ("redis_password", "redis_monitor_password")]
    # The first part of the password is the same however it is escaped.
    script = """
        cat >/run/patterns
        cat /proc/[0-9]*/{cmdline,environ} 2>/dev/null | grep -aFf /run/patterns && echo processes
        journalctl --no-pager | grep -F -f /run/patterns && echo journal
        grep -rFl -f /run/patterns /var/log /var/lib/cloud /run/cloud-init
        find / -xdev -type f -perm /044 -size -1M -newermt 2020-01-01 -print0 2>/dev/null |
            xargs -0 grep -lF -f /run/patterns
        find /etc/skytier/secrets -perm /077
        rm /run/patterns
    """
    assert one.run(script, "\n".join([password[:24], key, *of_redis]).encode()) == ""


def _asked(expression: str, *labels: str) -> str:
    """A command that prints labels of each series that Prometheus answers with.

    They are stack/job/machine/role where none are named.
    """
    labels = labels or ("stack", "job", "machine", "role")
    program = (
        "import json, urllib.parse, urllib.request as r, sys; "
        "u = 'http://127.0.0.1:9090/api/v1/query?query=' + urllib.parse.quote(sys.argv[1]); "
        "m = [s['metric'] for s in json.load(r.urlopen(u))['data']['result']]; "
        f"print(*('/'.join(s[k] for k in {list(labels)}) for s in m))"
    )
    return f'python3 -c "{program}" {shlex.quote(expression)}'


def _sql(statement: str) -> str:
    return f'runuser -u postgres -- psql -XAt -c "{statement}"'
