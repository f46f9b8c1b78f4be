"""Which tests run in the same process where there are several (pytest-xdist, `--dist loadfile`).

A file stays in one process. What shares a fixture that takes tens of seconds stays in one, too,
and the longest begin first.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

GROUPS = {
    # Runs with --large only.
    "pretix": ("tests/foreign/test_pretix.py",),
    # Two emulated guests that take most of the time. Those of tests/cloud/test_guests.py boot when
    # little else is left to do: earlier they would only wait for each other.
    "life": ("tests/cloud/stack/test_whole.py",),
    "standing": ("tests/cloud/stack/test_standing.py",),
    # Four that need no image of the containers, which is made meanwhile.
    "local": ("tests/tool/local/",),
    "dashboard": (
        "tests/dashboard/test_grafana.py",
        "tests/dashboard/test_page.py",
        "tests/dashboard/test_report.py",
        "tests/dashboard/test_server.py",
    ),
    "own application": ("tests/tool/test_own_application.py",),
    "wagtail": ("tests/foreign/test_wagtail.py",),
    # Many machines that boot at the same time only wait for each other, but these have clusters of
    # their own, and all of them in one process would end long after everything else.
    "members": ("tests/cluster/test_database.py", "tests/cluster/test_balancer.py"),
    "balanced": (
        "tests/cluster/test_signed_in.py",
        "tests/cluster/test_streams.py",
        "tests/cluster/test_two_balancers.py",
        "tests/cluster/test_without_database.py",
    ),
    "cluster": ("tests/cluster/",),
    "machines": (
        "tests/roles/test_baking.py",
        "tests/roles/test_certificate.py",
        "tests/roles/test_machines.py",
        "tests/roles/test_release.py",
        "tests/roles/test_two_ports.py",
        "tests/roles/test_writable.py",
        # They boot none, but need the same image.
        "tests/roles/test_rendered.py::test_cloud_init_accepts_the_user_data",
    ),
    "jobs": ("tests/tool/test_jobs.py",),
    "foreign": ("tests/foreign/",),
    "secrets": ("tests/tool/test_secrets.py",),
    "pages": ("tests/pages/",),
    "build": ("tests/roles/test_build.py",),
    "bench": ("tests/bench/test_run.py",),
    "interruption": ("tests/tool/test_interruption.py",),
    "alerts": ("tests/roles/test_monitor.py",),
    "without nginx": ("tests/tool/test_without_nginx.py",),
    "wheels": ("tests/tool/test_wheels.py",),
}
"""Name to what the ids of its tests begin with, the longest group first, but for the image."""
ALONE = (
    "tests/app/test_openapi.py",
    "tests/cloud/stack/test_resources.py",
    "tests/cloud/stack/test_root_volumes.py",
)
"""Files of long tests that share nothing: each is a group of its own, after those above."""


def group(nodeid: str) -> str:
    """The group of a test.

    >>> group("tests/pages/test_visitor.py::test_a")
    'pages'
    >>> group("tests/tool/test_plan.py::test_b")
    'tests/tool/test_plan.py'
    """
    for name, beginnings in GROUPS.items():
        if nodeid.startswith(beginnings):
            return name
    return nodeid if nodeid.startswith(ALONE) else nodeid.partition("::")[0]


def place(nodeid: str) -> int:
    """Where the group of a test stands in the order in which they begin."""
    name = group(nodeid)
    if name in GROUPS:
        return list(GROUPS).index(name)
    return len(GROUPS) + (name != nodeid)


class Scheduling(LoadFileScheduling):
    """Gives each process the next group when it begins the last test of the one that it has."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)

    def _reschedule(self, node: WorkerController) -> None:
        # xdist does it one test sooner: what then waits behind a test of minutes, another process
        # would have done by now. A process begins a test once it knows the next one.
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest first, in the processes that run the tests."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Take our groups for `--dist loadfile`, in the order of the tests."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Scheduling(config, log)
