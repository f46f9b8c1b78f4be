"""Of which applications requests are measured, and where their metrics are asked for."""

from pathlib import Path

import pytest

from skytier.local.home import Home
from skytier.local.monitor import processes
from skytier.local.monitor.kind import ALL
from skytier.local.monitor.processes import MonitorFacts
from skytier.local.options import Options
from skytier.services.application.service import APPLICATION
from skytier.stackfile import parse
from skytier.topology import Exposure

OF_THE_SAMPLE = ""
SERVED = 'application = {serve = "shop:app"}'
A_COMMAND = 'application = {run = "python -m shop.server"}'


@pytest.mark.parametrize(
    ("text", "are_measured"), [(OF_THE_SAMPLE, True), (SERVED, True), (A_COMMAND, False)]
)
def test_a_monitor_asks_no_command_that_serves_by_itself(text: str, are_measured: bool) -> None:
    stack = parse(f'api_from = ["192.0.2.0/24"]\n{text}')
    asked = [each.exposure for each in APPLICATION.endpoints(stack)]
    assert asked == [*([Exposure.MONITOR] if are_measured else []), Exposure.NETWORKS]


@pytest.mark.parametrize("behind_nginx", [True, False])
@pytest.mark.parametrize("is_measured", [True, False])
def test_nor_does_the_monitor_of_this_machine(
    tmp_path: Path, is_measured: bool, behind_nginx: bool
) -> None:
    names = (*ALL, processes.STATUS, processes.METRICS)
    facts = MonitorFacts(
        home=Home(tmp_path),
        options=Options(),
        programs={processes.PROMETHEUS: "/usr/bin/prometheus"},
        ports={name: 7000 + number for number, name in enumerate(names)},
        behind_nginx=behind_nginx,
        is_measured=is_measured,
        has_database=False,
        database=None,
        redis_url=None,
        can_skip_bgwriter=False,
    )
    assert ("application" in processes.addresses(facts, ())) is is_measured
    prometheus = processes.processes(facts)[-1]
    (text,) = [text for path, text in prometheus.texts.items() if path.name == "prometheus.yml"]
    assert ("job_name: application" in text) is is_measured
