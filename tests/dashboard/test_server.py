"""Who may ask the dashboard's server, and how the command begins and ends."""

import socket
from typing import Any

import httpx
import pytest

from skytier.charts.chart import Chart
from skytier.metrics.catalogue import CHARTS
from skytier.poll import until
from tests.skytier_command import Skytier

from .conftest import EXPECTED
from .watching import BOUND_S, Dashboard, serving

QUESTIONS = ("catalogue", "topology", "figures", "charts/cpu_percent", "alerts", "releases", "cost")


@pytest.mark.parametrize("question", QUESTIONS)
def test_only_who_has_the_token_is_answered(dashboard: Dashboard, question: str) -> None:
    assert dashboard.get(f"/api/{question}").status_code == 200
    for wrong in ("", "Bearer", "Bearer wrong", f"Bearer {dashboard.token[:-1]}", "Bearer ü"):
        headers = {"Authorization": wrong.encode()}
        refused = httpx.get(f"{dashboard.url}/api/{question}", headers=headers)
        assert refused.status_code == 401
        assert "token" in refused.json()["what"]


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1", "localhost:1", "0.0.0.0", ""])
def test_a_foreign_name_that_leads_here_is_turned_away(dashboard: Dashboard, host: str) -> None:
    assert dashboard.get("/api/catalogue", Host=host).status_code in (400, 421)
    assert dashboard.get("/", Host=host).status_code in (400, 421)


def test_it_listens_on_the_loopback_alone(dashboard: Dashboard) -> None:
    port = int(dashboard.url.rpartition(":")[2])
    own = socket.gethostbyname(socket.gethostname())
    if not own.startswith("127."):
        with socket.socket() as probe:
            assert probe.connect_ex((own, port)) != 0


@pytest.mark.parametrize("path", ["/", "/static/page.css", "/api/catalogue", "/nothing"])
def test_every_answer_has_a_strict_policy(dashboard: Dashboard, path: str) -> None:
    headers = dashboard.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/static/../guard.py", "/static/%2e%2e/guard.py", "/static//etc/passwd"]
)
def test_nothing_but_the_page_s_own_files_is_served(dashboard: Dashboard, path: str) -> None:
    with socket.create_connection(("127.0.0.1", int(dashboard.url.rpartition(":")[2]))) as line:
        host = dashboard.url.removeprefix("http://")
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = line.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 404")


def test_the_token_is_in_no_answer(dashboard: Dashboard) -> None:
    for path in ("/", "/static/api.js", "/api/catalogue", "/api/topology"):
        assert dashboard.token not in dashboard.get(path).text


def test_the_catalogue_has_every_chart_in_order(dashboard: Dashboard) -> None:
    groups = dashboard.get("/api/catalogue").json()["groups"]
    assert [each["id"] for group in groups for each in group["charts"]] == [c.id for c in CHARTS]


def test_a_chart_has_columns_of_one_length(dashboard: Dashboard) -> None:
    def asked(chart: Chart) -> Any:
        return dashboard.get(f"/api/charts/{chart.id}?from=-15m").json()

    for each in EXPECTED:
        # The moments of a chart are whole steps: the first figures may be later than the last one.
        assert until(lambda each=each: asked(each)["series"], BOUND_S, 1)  # type: ignore[misc]
        answer = asked(each)
        moments = len(answer["times"])
        assert moments == (answer["to"] - answer["from"]) // answer["step"] + 1
        assert all(len(series["values"]) == moments for series in answer["series"])
        assert answer["series"]


def test_what_is_asked_wrongly_is_told_in_a_sentence(dashboard: Dashboard) -> None:
    unknown = dashboard.get("/api/charts/nothing")
    assert (unknown.status_code, unknown.json()["what"]) == (404, "There is no chart nothing.")
    wrong = dashboard.get("/api/charts/cpu_percent?from=yesterday")
    assert wrong.status_code == 503
    assert wrong.json()["what"] == "'yesterday' is not a time."


def test_the_release_that_runs_is_a_mark(dashboard: Dashboard) -> None:
    releases = dashboard.get("/api/releases?from=-24h").json()["releases"]
    assert [each["release"] for each in releases if each["release"]]


def test_a_taken_port_is_told_in_one_line(stack: Skytier) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = stack.ends_with(1, "dashboard", "--no-open", "--port", str(port))
    assert f"Port {port} of this machine cannot be used" in said
    assert "--port 0" in said


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_wrong_port_is_wrong_usage(fresh: Skytier, port: str) -> None:
    assert "--port" in fresh.ends_with(64, "dashboard", "--port", port)


def test_a_stack_that_was_never_up_is_shown_as_such(fresh: Skytier) -> None:
    with serving(fresh) as dashboard:
        assert dashboard.get("/api/topology").json()["healthy"] is False
        refused = dashboard.get("/api/charts/cpu_percent")
    assert refused.status_code == 503
    assert "Nothing was measured on this machine yet" in refused.json()["what"]


def test_termination_is_a_good_end_too(stack: Skytier) -> None:
    with serving(stack) as dashboard:
        dashboard.process.terminate()
        dashboard.process.wait(300)
