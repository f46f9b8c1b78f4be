"""A cloud that shows no console: nothing is trusted until somebody says what the host key is."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skytier.openstack.host_keys import in_console
from skytier.poll import until

from .account import Account, Operator, write_clouds
from .faulty_proxy import running, through, upstreams
from .test_resources import PYTHON, SCRIPT

BOOT_S = 900
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEAjM7NdEoRVozSE6tejodDtMUCx9wn9FF8JNt9MicAA"


@pytest.fixture
def blind(
    account: Account, make_operator: Callable[[], Operator], name: str, tmp_path: Path
) -> Iterator[Operator]:
    """An operator whom the cloud shows no console, with a stack's machines."""
    with running(upstreams(account), seed=0, rate=0) as proxy:
        proxy.forbidden = b"os-getConsoleOutput"
        clouds = write_clouds(tmp_path / "blind", through(proxy, account))
        operator = Operator(make_operator().directory, clouds)
        operator.write(f'name = "{name}"\nimage = "debian-12-skytier"\nflavor = "m1.tiny"\n')
        try:
            with operator.start(SCRIPT, "up", program=PYTHON) as popen:
                said, _ = popen.communicate(timeout=900)
            assert popen.returncode == 0, said
            yield operator
        finally:
            operator.run("down", "--yes")


def test_without_a_console_a_machine_is_entered_once_its_key_is_confirmed(
    account: Account, blind: Operator, name: str
) -> None:
    web = f"{name}-web-1"
    said = blind.ends_with(1, "ssh", "web", "--", "true")
    assert f"The cloud does not show the console of {web} (403)" in said
    assert f"skytier trust {web} KEY" in said

    # By other means, such as the dashboard: here past the proxy.
    compute = account.connection.compute
    server = compute.find_server(web, ignore_missing=False)

    def shown() -> str | None:
        return in_console(compute.get_server_console_output(server)["output"] or "")

    key = until(shown, BOOT_S, every_s=2)
    assert key
    blind.run("trust", web, OTHER)
    said = blind.ends_with(1, "ssh", "web", "--", "true")
    assert re.search("its host key is another than the one that was learnt", said)

    blind.run("trust", web, key)
    assert blind.run("ssh", "web", "--", "hostname").strip() == web
