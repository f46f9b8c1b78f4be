"""What Prometheus and Alertmanager are given, before their own judges: promtool and amtool."""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from skytier.services.alertmanager.config import PASSWORD_MARK, Receivers, Smtp, alertmanager_yml
from skytier.services.prometheus.config import (
    JOBS,
    AlertRules,
    PrometheusConfig,
    ScrapeTarget,
    prometheus_yml,
    rules,
)
from tests.roles.alerts import CASES, Case, Series

RULES = AlertRules("shop")


def written(directory: Path, values: AlertRules = RULES) -> list[Path]:
    directory.mkdir()
    for name, text in rules(values).items():
        (directory / name).write_text(text)
    return sorted(directory.iterdir())


def alerts() -> list[dict[str, Any]]:
    files = [yaml.safe_load(text) for text in rules(RULES).values()]
    all_rules = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return [rule for rule in all_rules if "alert" in rule]


def promtool(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *map(str, words)], check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("alertmanager", ["", "127.0.0.1:9093"])
def test_promtool_accepts_the_configuration_with_its_rules(
    tmp_path: Path, alertmanager: str
) -> None:
    written(tmp_path / "rules")
    targets = [
        ScrapeTarget(job, f"192.168.128.{number}:9100", f"shop-{role}-1", role)
        for job in JOBS
        for number, role in enumerate(("web", "database"))
    ]
    text = prometheus_yml(PrometheusConfig("shop", targets, tmp_path / "rules", alertmanager))
    (tmp_path / "prometheus.yml").write_text(text)

    checked = promtool("check", "config", tmp_path / "prometheus.yml")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = [
        (config["job_name"], static["targets"][0], static["labels"])
        for config in yaml.safe_load(text)["scrape_configs"]
        for static in config["static_configs"]
    ]
    assert found == [
        (t.job, t.address, {"stack": "shop", "machine": t.machine, "role": t.role}) for t in targets
    ]


@pytest.mark.parametrize(
    "values",
    [
        RULES,
        replace(RULES, latency_objective_ms=1000, cost_per_month=Decimal("274.10")),
        replace(
            RULES, cost_per_month=Decimal("0.1"), budget_per_month=Decimal(100), currency="EUR"
        ),
    ],
    ids=["defaults", "a cost", "a budget"],
)
def test_promtool_accepts_the_rules(tmp_path: Path, values: AlertRules) -> None:
    checked = promtool("check", "rules", "--lint-fatal", *written(tmp_path / "rules", values))

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_fires_and_just_below_it_does_not(tmp_path: Path) -> None:
    paths = []
    # A file at a time: the long windows of one are slow, and nothing to the others.
    for file in written(tmp_path / "rules"):
        tests = [
            _test(f"{case}: {'fires' if value else 'does not'}", case, series, value)
            for case in CASES
            if f"- alert: {case.alert}\n" in file.read_text()
            for series, value in ((case.fires, 1), (case.does_not, 0))
        ]
        paths.append(tmp_path / f"tests-{file.name}")
        # As the groups that count have it.
        suite = {"rule_files": [str(file)], "evaluation_interval": "30s", "tests": tests}
        paths[-1].write_text(json.dumps(suite))

    done = promtool("test", "rules", *paths)

    assert done.returncode == 0, done.stdout + done.stderr
    assert {case.alert for case in CASES} == {rule["alert"] for rule in alerts()}


def _test(name: str, case: Case, series: Series, value: int) -> dict[str, Any]:
    firing = f'count(ALERTS{{alertname="{case.alert}", alertstate="firing"}}) or vector(0)'
    sample = {"labels": "{}", "value": value}
    at = f"{case.at}m"
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [{"expr": firing, "eval_time": at, "exp_samples": [sample]}],
    }


def test_the_cost_and_the_budget_are_series(tmp_path: Path) -> None:
    values = replace(
        RULES, cost_per_month=Decimal("274.10"), budget_per_month=Decimal(300), currency="EUR"
    )
    expected = {"skytier_cost_per_month": 274.10, "skytier_budget_per_month": 300}
    tests = [
        {
            "interval": "1m",
            "input_series": [],
            "promql_expr_test": [
                {
                    "expr": name,
                    "eval_time": "1m",
                    "exp_samples": [
                        {"labels": f'{name}{{stack="shop", currency="EUR"}}', "value": value}
                    ],
                }
                for name, value in expected.items()
            ],
        }
    ]
    files = list(map(str, written(tmp_path / "rules", values)))
    (tmp_path / "tests.yml").write_text(json.dumps({"rule_files": files, "tests": tests}))

    done = promtool("test", "rules", tmp_path / "tests.yml")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_where_how_bad_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    where = "$labels.stack" if rule["alert"].startswith(STACK_WIDE) else "$labels.machine"
    assert where in rule["annotations"]["summary"]
    assert "skytier" in rule["annotations"]["description"]


def test_the_documentation_has_every_alert_with_its_severity() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/alerts.md").read_text()

    documented = re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE)

    assert sorted(documented) == sorted((a["alert"], a["labels"]["severity"]) for a in alerts())


STACK_WIDE = (
    *("ErrorsBurn", "LatencyBurns", "BudgetOverrun"),
    *("DatabaseNoPrimary", "DatabasePaused", "SharedAddress"),
    *("RedisNoPrimary", "RedisSentinelsBelowQuorum"),
    "Rehearsal",
)


@pytest.mark.parametrize(
    ("receivers", "integrations"),
    [
        (Receivers(), []),
        (Receivers(webhook="https://hooks.example.org/x?a=\"b\"&c='d'"), ["webhook_configs"]),
        (
            Receivers(email="ops@example.org", smtp=Smtp("smtp.example.org:587", "a@example.org")),
            ["email_configs"],
        ),
        (
            Receivers(
                "https://hooks.example.org",
                "ops@example.org",
                Smtp("smtp.example.org:587", "a@example.org", "a"),
            ),
            ["webhook_configs", "email_configs"],
        ),
    ],
    ids=["nobody", "webhook", "e-mail", "both, with a password"],
)
def test_amtool_accepts_the_receivers(
    tmp_path: Path, receivers: Receivers, integrations: Sequence[str]
) -> None:
    text = alertmanager_yml(receivers)
    path = tmp_path / "alertmanager.yml"
    path.write_text(text)

    done = subprocess.run(
        ["amtool", "check-config", path], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (receiver,) = yaml.safe_load(text)["receivers"]
    assert list(receiver) == ["name", *integrations]
    if receivers.webhook:
        assert receiver["webhook_configs"][0]["url"] == receivers.webhook
    assert (PASSWORD_MARK in text) == bool(receivers.smtp and receivers.smtp.username)
