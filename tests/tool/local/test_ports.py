"""Which ports the monitor gets."""

import socket
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from skytier.local.home import Home
from skytier.local.monitor import ports

NAMES = ("node", "postgres", "nginx", "redis", "prometheus")
GIVEN_FROM = "ip_local_port_range"


def made(path: Path) -> Home:
    home = Home(path)
    home.etc.mkdir()
    return home


def test_no_connection_can_be_given_one(tmp_path: Path) -> None:
    home = made(tmp_path)
    ports.assign(home, NAMES, ())
    first = int(Path(f"/proc/sys/net/ipv4/{GIVEN_FROM}").read_text().split()[0])
    got = ports.remembered(home)
    assert got.keys() == set(NAMES)
    assert len(set(got.values())) == len(NAMES)
    assert all(10_000 <= port < first for port in got.values())


def test_where_all_are_given_to_connections_each_gets_another(tmp_path: Path) -> None:
    home, all_of_them = made(tmp_path), tmp_path / "range"
    all_of_them.write_text("1024\t65535\n")
    with patch.object(ports, "_GIVEN_TO_CONNECTIONS", all_of_them):
        ports.assign(home, NAMES, ())
    assert len(set(ports.remembered(home).values())) == len(NAMES)


def test_one_that_is_used_is_not_given_and_what_is_held_stays(tmp_path: Path) -> None:
    home, few = made(tmp_path), tmp_path / "range"
    # Three that no other test uses are left, and one of these is used.
    few.write_text("7904 65535\n")
    left = patch.multiple(ports, _LOWEST=7901, _GIVEN_TO_CONNECTIONS=few)
    with left, ExitStack() as sockets:

        def listen(port: int) -> None:
            listening = sockets.enter_context(socket.socket())
            listening.bind((ports.HOST, port))
            listening.listen()

        listen(7902)
        ports.assign(home, NAMES[:2], ())
        before = ports.remembered(home)
        assert set(before.values()) == {7901, 7903}
        listen(before["node"])
        ports.assign(home, NAMES[:2], ["node"])
        assert ports.remembered(home) == before
        ports.assign(home, NAMES[:2], ())
        after = ports.remembered(home)
    assert after["postgres"] == before["postgres"]
    assert after["node"] not in {7901, 7902, 7903}
