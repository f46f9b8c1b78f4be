"""For every alert: series with which it fires, and series just below that, with which it does not.

A series is written as promtool takes it: `0+60x10` is 0, 60, 120 ... 600, one value a minute.
"""

from collections.abc import Mapping
from dataclasses import dataclass

WEB = 'stack="shop", machine="shop-web-1", role="web"'
BALANCER = 'stack="shop", machine="shop-balancer-1", role="balancer"'
DATABASE = 'stack="shop", machine="shop-database-1", role="database"'
CACHE = 'stack="shop", machine="shop-cache-1", role="cache"'
REPLICA = 'stack="shop", machine="shop-database-2", role="database"'
BALANCER_2 = 'stack="shop", machine="shop-balancer-2", role="balancer"'
REHEARSED = "skytier_rehearsal_completed_timestamp_seconds"
Series = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """An alert with what makes it fire `at` minutes after the beginning, and what does not."""

    alert: str
    fires: Series
    does_not: Series
    at: int = 60
    why: str = ""

    def __str__(self) -> str:
        return f"{self.alert} {self.why}".strip()


def up(machine: str, **jobs: str) -> dict[str, str]:
    """Whether jobs of a machine answer: job to values."""
    return {f'up{{{machine}, job="{job}"}}': values for job, values in jobs.items()}


def has_address(first: str, second: str) -> dict[str, str]:
    """Whether each balancer has the address that they share."""
    name = "skytier_balancer_has_address"
    return {f"{name}{{{BALANCER}}}": first, f"{name}{{{BALANCER_2}}}": second}


def servers(**of_web_1: str) -> dict[str, str]:
    """The web servers as a balancer sees them; `more` is for web-2, and web-3 is out."""
    status = f'haproxy_server_status{{{BALANCER}, proxy="web", server='
    more = of_web_1.pop("more", "1x60")
    return {
        **{
            f'{status}"shop-web-1", state="{state.upper()}"}}': values
            for state, values in of_web_1.items()
        },
        f'{status}"shop-web-2", state="UP"}}': more,
        f'{status}"shop-web-3", state="UP"}}': "0x60",
    }


def requests(good: str, failing: str) -> dict[str, str]:
    name = f'skytier_http_requests_total{{{WEB}, method="GET", route="/", status='
    return {f'{name}"200"}}': good, f'{name}"500"}}': failing}


def durations(all_: str, quick: str, route: str = "/") -> dict[str, str]:
    labels = f'{WEB}, method="GET", route="{route}"'
    return {
        f'skytier_http_requests_total{{{labels}, status="200"}}': all_,
        f"skytier_http_request_duration_seconds_count{{{labels}}}": all_,
        f'skytier_http_request_duration_seconds_bucket{{{labels}, le="0.5"}}': quick,
    }


def disk(available: str, size: str = "100x60") -> dict[str, str]:
    labels = f'{{{WEB}, device="/dev/vda1", fstype="ext4", mountpoint="/"}}'
    return {
        f"node_filesystem_avail_bytes{labels}": available,
        f"node_filesystem_size_bytes{labels}": size,
    }


def network(errors: str) -> dict[str, str]:
    labels = f'{{{WEB}, device="ens3"}}'
    return {
        f"node_network_receive_errs_total{labels}": errors,
        f"node_network_transmit_errs_total{labels}": "0x60",
        f"node_network_receive_packets_total{labels}": "0+3000x60",
        f"node_network_transmit_packets_total{labels}": "0+3000x60",
    }


def connections(active: str) -> dict[str, str]:
    name = f"pg_stat_activity_count{{{DATABASE}, datname="
    return {
        f'{name}"skytier", state="active"}}': active,
        f'{name}"postgres", state="idle"}}': "1x60",
        f"pg_settings_max_connections{{{DATABASE}}}": "100x60",
    }


def redis_memory(used: str, most: str = "100x60") -> dict[str, str]:
    return {
        f'redis_memory_used_bytes{{{CACHE}, job="redis"}}': used,
        f'redis_memory_max_bytes{{{CACHE}, job="redis"}}': most,
        # What is cached may fill its memory.
        f'redis_memory_used_bytes{{{CACHE}, job="redis-cache"}}': "100x60",
        f'redis_memory_max_bytes{{{CACHE}, job="redis-cache"}}': "100x60",
    }


def process_up(values: str) -> dict[str, str]:
    labels = f'{WEB}, process="worker", number="1", release="1-abc"'
    return {f"skytier_process_up{{{labels}}}": values}


ANSWERS = "1x60"
STOPPED = "1x50 0x10"
HOUR, DAY = 3600, 86_400
CASES = [
    Case(
        "MachineDown",
        up(DATABASE, node=STOPPED, postgres=STOPPED),
        up(DATABASE, node=STOPPED, postgres=ANSWERS),
    ),
    Case(
        "MachineDown",
        up(DATABASE, node="1x58 0x2"),
        up(DATABASE, node="1x59 0x1"),
        why="for a minute",
    ),
    Case(
        "DatabaseNoPrimary",
        {f"patroni_primary{{{DATABASE}}}": "0x60", f"patroni_primary{{{REPLICA}}}": "0x60"},
        {f"patroni_primary{{{DATABASE}}}": "0x60", f"patroni_primary{{{REPLICA}}}": "1x60"},
    ),
    Case(
        "DatabaseReplicaGone",
        up(REPLICA, patroni=STOPPED),
        up(REPLICA, patroni=ANSWERS),
    ),
    Case(
        "DatabaseReplicaGone",
        {
            f"patroni_replica{{{REPLICA}}}": "1x60",
            f"patroni_postgres_streaming{{{REPLICA}}}": "0x60",
            f"patroni_replica{{{DATABASE}}}": "0x60",
            f"patroni_postgres_streaming{{{DATABASE}}}": "0x60",
        },
        {
            f"patroni_replica{{{REPLICA}}}": "1x60",
            f"patroni_postgres_streaming{{{REPLICA}}}": "1x60",
            f"patroni_replica{{{DATABASE}}}": "0x60",
            f"patroni_postgres_streaming{{{DATABASE}}}": "0x60",
        },
        why="that does not follow",
    ),
    Case(
        "DatabasePaused",
        {f"patroni_is_paused{{{DATABASE}}}": "1x60", f"patroni_is_paused{{{REPLICA}}}": "1x60"},
        # A restore that ends well.
        {
            f"patroni_is_paused{{{DATABASE}}}": "0x45 1x14",
            f"patroni_is_paused{{{REPLICA}}}": "0x60",
        },
    ),
    Case(
        "EtcdNoQuorum",
        {f"etcd_server_has_leader{{{DATABASE}}}": "0x60"},
        {f"etcd_server_has_leader{{{DATABASE}}}": "1x60"},
    ),
    Case(
        "ExporterDown",
        up(DATABASE, node=ANSWERS, postgres=STOPPED),
        up(DATABASE, node=STOPPED, postgres=STOPPED),
    ),
    Case(
        "CpuBusy",
        {
            f'node_cpu_seconds_total{{{WEB}, cpu="0", mode="idle"}}': "0+3x60",
            f'node_cpu_seconds_total{{{WEB}, cpu="0", mode="iowait"}}': "0+2x60",
        },
        {
            f'node_cpu_seconds_total{{{WEB}, cpu="0", mode="idle"}}': "0+4x60",
            f'node_cpu_seconds_total{{{WEB}, cpu="0", mode="iowait"}}': "0+3x60",
        },
    ),
    Case(
        "MemoryLow",
        {
            f"node_memory_MemAvailable_bytes{{{WEB}}}": "9x60",
            f"node_memory_MemTotal_bytes{{{WEB}}}": "100x60",
        },
        {
            f"node_memory_MemAvailable_bytes{{{WEB}}}": "10x60",
            f"node_memory_MemTotal_bytes{{{WEB}}}": "100x60",
        },
    ),
    Case("DiskLow", disk("9x60"), disk("10x60")),
    # 500 are left. 24 more hours take 518 or 475.
    Case(
        "DiskFullWithinADay",
        disk("521-0.36x60", "1500x60"),
        disk("521-0.33x60", "1500x60"),
    ),
    Case(
        "DiskFullWithinADay",
        disk("521-0.36x60", "775x60"),
        disk("521-0.36x60", "740x60"),
        why="only where a third is taken",
    ),
    Case("NetworkErrors", network("0+61x60"), network("0+59x60")),
    Case(
        "ErrorsBurnBudgetFast",
        requests("0+9938x60", "0+62x60"),
        requests("0+9942x60", "0+58x60"),
    ),
    Case(
        "ErrorsBurnBudgetFast",
        # A quarter of an hour an eighth of all fails: 3% of the hour, half a percent of six.
        requests("0+600x360 216525+525x14", "0x360 75+75x14"),
        # The same, and ten good minutes since.
        requests("0+600x350 210525+525x14 218475+600x9", "0x350 75+75x14 1125x10"),
        at=375,
        why="within minutes, until minutes after it",
    ),
    Case(
        "ErrorsBurnBudgetFast",
        requests("0+1x60", "0+0.1x60"),
        requests("0+1x60", "0+0.07x60"),
        why="not for a handful",
    ),
    Case(
        "ErrorsBurnBudgetFast",
        requests("_x50 0+20x10", "_x50 0+1x10"),
        requests("_x50 0+20x10", "_x50 0 1 2 3x7"),
        why="not for a handful in the monitor's first minutes",
    ),
    Case(
        "ErrorsBurnBudget",
        requests("0+99890x60", "0+110x60"),
        requests("0+99910x60", "0+90x60"),
    ),
    Case(
        "LatencyBurnsBudgetFast",
        durations("0+1000x60", "0+939x60"),
        durations("0+1000x60", "0+941x60"),
    ),
    Case(
        "LatencyBurnsBudgetFast",
        durations("_x50 0+20x10", "_x50 0x10"),
        durations("_x50 0+8x10", "_x50 0x10"),
        why="not for the first requests after a cold start, however slow",
    ),
    Case(
        "LatencyBurnsBudgetFast",
        durations("0+12x60", "0x60", "/api/posts"),
        durations("0+12x60", "0x60", "/metrics"),
        why="not for what the monitor asks",
    ),
    Case(
        "LatencyBurnsBudgetFast",
        # Never a hundred in an hour.
        durations("0+1x120", "0+0.5x120"),
        durations("0+0.5x120", "0+0.25x120"),
        at=120,
        why="where few come, over six hours",
    ),
    Case(
        "LatencyBurnsBudget",
        durations("0+1000x60", "0+989x60"),
        durations("0+1000x60", "0+991x60"),
    ),
    Case(
        "LatencyBurnsBudget",
        durations("0+9x60", "0+8x60"),
        durations("0+8x60", "0+7x60"),
        why="not for a handful of requests",
    ),
    Case(
        "ApplicationDown",
        up(WEB, node=ANSWERS, application="1x58 0x2"),
        up(WEB, node=ANSWERS, application="1x59 0x1"),
    ),
    Case(
        "ApplicationDown",
        up(WEB, node=ANSWERS, application=STOPPED),
        up(WEB, node=STOPPED, application=STOPPED),
        why="not where the machine is",
    ),
    Case(
        "ProcessDown",
        process_up("1x57 0x3"),
        process_up("1x59 0x1"),
    ),
    Case(
        "JobFailed",
        {f'skytier_job_last_exit_code{{{WEB}, name="cleanup"}}': "0x58 3x2"},
        {f'skytier_job_last_exit_code{{{WEB}, name="cleanup"}}': "3x58 0x2"},
    ),
    Case("NginxDown", {f"nginx_up{{{WEB}}}": "1x58 0x2"}, {f"nginx_up{{{WEB}}}": "1x59 0x1"}),
    Case(
        "CertificateExpiring",
        {f"skytier_certificate_expiry_timestamp_seconds{{{WEB}}}": f"{14 * DAY + 3599}x60"},
        {f"skytier_certificate_expiry_timestamp_seconds{{{WEB}}}": f"{14 * DAY + 3601}x60"},
    ),
    Case(
        "PostgreSQLDown", {f"pg_up{{{DATABASE}}}": "1x58 0x2"}, {f"pg_up{{{DATABASE}}}": "1x59 0x1"}
    ),
    Case("PostgreSQLConnectionsHigh", connections("80x60"), connections("79x60")),
    Case(
        "ReplicationLagging",
        {f"pg_replication_lag{{{REPLICA}}}": "61x60"},
        {f"pg_replication_lag{{{REPLICA}}}": "60x60", f"pg_replication_lag{{{DATABASE}}}": "0x60"},
    ),
    Case(
        "BackupTooOld",
        {f"skytier_backup_completed_timestamp_seconds{{{DATABASE}}}": f"{3599 - 26 * HOUR}x60"},
        {f"skytier_backup_completed_timestamp_seconds{{{DATABASE}}}": f"{3600 - 26 * HOUR}x60"},
    ),
    Case(
        "BackupTooOld",
        {f"skytier_backup_completed_timestamp_seconds{{{DATABASE}}}": f"{-2 * DAY}x60"},
        {},
        why="only where backups are made",
    ),
    Case(
        "BackupFailed",
        {f"skytier_backup_failed{{{DATABASE}}}": "0x59 1x1"},
        {f"skytier_backup_failed{{{DATABASE}}}": "1x58 0x2"},
    ),
    Case(
        "ArchiveLagging",
        {f"skytier_backup_archive_waiting_seconds{{{DATABASE}}}": "0x56 601x4"},
        {f"skytier_backup_archive_waiting_seconds{{{DATABASE}}}": "0x57 600x3"},
    ),
    Case(
        "ArchiveIncomplete",
        {f"skytier_backup_dropped{{{DATABASE}}}": "0x59 1x1"},
        {f"skytier_backup_dropped{{{DATABASE}}}": "1x58 0x2"},
    ),
    Case(
        "RehearsalFailed",
        {f"skytier_rehearsal_failed{{{DATABASE}}}": "0x59 1x1"},
        {f"skytier_rehearsal_failed{{{DATABASE}}}": "1x58 0x2"},
    ),
    Case(
        "RehearsalTooOld",
        {f"skytier_rehearsal_completed_timestamp_seconds{{{DATABASE}}}": f"{3599 - 35 * DAY}x60"},
        {f"skytier_rehearsal_completed_timestamp_seconds{{{DATABASE}}}": f"{3600 - 35 * DAY}x60"},
    ),
    Case(
        "RehearsalTooOld",
        {f"skytier_rehearsal_completed_timestamp_seconds{{{DATABASE}}}": f"{-40 * DAY}x60"},
        {f"skytier_rehearsal_failed{{{DATABASE}}}": "0x60"},
        why="only where there ever was one",
    ),
    Case(
        "RehearsalTooOld",
        {
            f"{REHEARSED}{{{DATABASE}}}": f"{-40 * DAY}x60",
            f'{REHEARSED}{{{REPLICA}, place="second"}}': "0x60",
        },
        {
            f"{REHEARSED}{{{DATABASE}}}": f"{-40 * DAY}x60",
            f"{REHEARSED}{{{REPLICA}}}": "0x60",
        },
        why="not while another member tells of a newer one, of the same place",
    ),
    Case(
        "BalancerDown",
        up(BALANCER, node=ANSWERS, haproxy="1x58 0x2"),
        up(BALANCER, node=ANSWERS, haproxy="1x59 0x1"),
    ),
    Case(
        "BalancerDown",
        up(BALANCER, haproxy="1x50 0x10"),
        up(BALANCER, haproxy="1x50 0x10") | up(BALANCER_2, haproxy="1x60"),
        why="not while another one serves",
    ),
    Case(
        "OneBalancerLeft",
        up(BALANCER, haproxy="1x58 0x2") | up(BALANCER_2, haproxy="1x60"),
        up(BALANCER, haproxy="1x59 0x1") | up(BALANCER_2, haproxy="1x60"),
    ),
    Case("SharedAddressLost", has_address("1x58 0x2", "0x60"), has_address("1x58 0x2", "0x58 1x2")),
    Case("SharedAddressTwice", has_address("1x60", "0x58 1x2"), has_address("1x60", "0x60")),
    Case(
        "WebServerOut",
        servers(up="0x57 0x2", down="0x57 1x2"),
        servers(up="0x57 0x2", down="0x59 1x0"),
    ),
    Case("NoWebServerLeft", servers(up="0x60", more="1x57 0x2"), servers(up="0x60", more="1x60")),
    Case(
        "NoWebServerLeft",
        servers(up="0x60", more="0x60"),
        servers(up="1x60", more="0x60"),
        why="of two",
    ),
    Case(
        "NoWebServerLeft",
        servers(up="0x60", nolb="1x60", more="0x60"),
        servers(up="0x58 1x2", nolb="1x58 0x2", more="0x60"),
        why="also where one is drained",
    ),
    Case("OneWebServerLeft", servers(up="0x60", more="1x60"), servers(up="1x60", more="1x60")),
    Case(
        "OneWebServerLeft",
        servers(up="0x60", more="1x60"),
        servers(up="0x60", more="0x60"),
        why="not where none is: that is another alert",
    ),
    Case(
        "OneWebServerLeft",
        servers(up="0x60", more="1x60"),
        {
            key: values
            for key, values in servers(up="0x60", more="1x60").items()
            if "shop-web-2" not in key
        },
        why="only where there are more than two",
    ),
    Case(
        "BudgetOverrun",
        {
            'skytier_cost_per_month{stack="shop", currency="EUR"}': "100.01x60",
            'skytier_budget_per_month{stack="shop", currency="EUR"}': "100x60",
        },
        {
            'skytier_cost_per_month{stack="shop", currency="EUR"}': "100x60",
            'skytier_budget_per_month{stack="shop", currency="EUR"}': "100x60",
        },
    ),
    Case(
        "AlertsNotDelivered",
        {f'alertmanager_notifications_failed_total{{{WEB}, integration="webhook"}}': "0x50 1x10"},
        {f'alertmanager_notifications_failed_total{{{WEB}, integration="webhook"}}': "1x60"},
    ),
    Case(
        "RedisDown",
        {f'redis_up{{{CACHE}, job="redis-cache"}}': "1x58 0x2"},
        {f'redis_up{{{CACHE}, job="redis-cache"}}': "1x59 0x1"},
    ),
    Case(
        "RedisEvictingSessions",
        {f'redis_evicted_keys_total{{{CACHE}, job="redis"}}': "0x58 5x2"},
        {
            f'redis_evicted_keys_total{{{CACHE}, job="redis"}}': "5x60",
            f'redis_evicted_keys_total{{{CACHE}, job="redis-cache"}}': "0+100x60",
        },
    ),
    Case("RedisMemoryNearlyFull", redis_memory("91x60"), redis_memory("90x60")),
    Case(
        "RedisMemoryNearlyFull",
        redis_memory("91x60"),
        redis_memory("91x60", most="0x60"),
        why="without a limit",
    ),
    Case(
        "RedisRejectsConnections",
        {f'redis_rejected_connections_total{{{CACHE}, job="redis"}}': "0x58 1x2"},
        {f'redis_rejected_connections_total{{{CACHE}, job="redis"}}': "1x60"},
    ),
    Case(
        "RedisNoPrimary",
        {
            f'redis_connected_slaves{{{CACHE}, job="redis"}}': "0x60",
            f'redis_connected_slaves{{{WEB}, job="redis"}}': "0x60",
        },
        {
            f'redis_connected_slaves{{{CACHE}, job="redis"}}': "0x60",
            f'redis_connected_slaves{{{WEB}, job="redis"}}': "1x60",
        },
    ),
    Case(
        "RedisReplicaNotInSync",
        {f'redis_master_link_up{{{CACHE}, job="redis"}}': "1x50 0x10"},
        {f'redis_master_link_up{{{CACHE}, job="redis"}}': "1x60"},
    ),
    Case(
        "RedisSentinelsBelowQuorum",
        {
            f'redis_up{{{CACHE}, job="redis-sentinel"}}': "1x60",
            f'redis_up{{{WEB}, job="redis-sentinel"}}': "1x50 0x10",
        },
        {
            f'redis_up{{{CACHE}, job="redis-sentinel"}}': "1x60",
            f'redis_up{{{WEB}, job="redis-sentinel"}}': "1x60",
        },
    ),
    Case(
        "RedisCannotSave",
        {f'redis_aof_last_write_status{{{CACHE}, job="redis"}}': "1x50 0x10"},
        {
            f'redis_aof_last_write_status{{{CACHE}, job="redis"}}': "1x60",
            f'redis_aof_last_bgrewrite_status{{{CACHE}, job="redis"}}': "1x60",
        },
    ),
]
