"""What is refused: with a reason, with what to do, with the documented exit code, untouched."""

import os
import socket

import pytest

from tests.skytier_command import Skytier

WRONG_USAGE = {
    "a port that is none": (["up", "--port", "65536"], "--port"),
    "a port in words": (["up", "--port", "http"], "--port"),
    "an address that is none": (["up", "--bind", "example"], "not an address"),
    "an unknown PostgreSQL": (["up", "--postgres", "oracle"], "embedded, system, or a URL"),
    "an unknown Redis": (["up", "--redis", "localhost"], "redis://"),
    "no workers": (["up", "--workers", "0"], "workers"),
    "too many workers": (["up", "--workers", "17"], "workers"),
    "an unknown command": (["deploy"], "deploy"),
    "an unknown option of a command of a group": (["cost", "report", "--nope"], "--nope"),
    "an argument that is missing": (["admin"], "username"),
    "no command at all": ([], "Usage"),
    "an unknown service": (["logs", "redis"], "redis"),
    "no users": (["demo-data", "--users", "0"], "users"),
}


@pytest.mark.parametrize(("arguments", "named"), WRONG_USAGE.values(), ids=WRONG_USAGE.keys())
def test_wrong_usage_ends_with_64_and_names_what_is_wrong(
    fresh: Skytier, arguments: list[str], named: str
) -> None:
    assert named in fresh.ends_with(64, *arguments)
    assert not fresh.home.exists()


def test_a_slip_in_a_url_does_not_show_its_password(fresh: Skytier) -> None:
    said = fresh.ends_with(64, "up", "--postgres", "postgrseql://me:hunter2@db/app")

    assert "hunter2" not in said


def test_a_taken_port_names_the_process_and_the_flag(fresh: Skytier) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = fresh.ends_with(1, "up", "--port", str(port))

    assert f"port {port} at 127.0.0.1 is taken by" in said
    assert f"(process {os.getpid()})" in said
    assert f"skytier up --port {port + 1}" in said
    assert not (fresh.home / "postgresql" / "data").exists(), "nothing was begun"
    assert not (fresh.home / "etc" / "options.json").exists(), "the port is not remembered"


def test_a_running_stack_stays_as_it_is_when_the_wished_port_is_taken(shared: Skytier) -> None:
    before = shared.status()
    with socket.create_server(("127.0.0.1", 0)) as server:
        shared.ends_with(1, "up", "--port", str(server.getsockname()[1]))

    assert shared.status() == before


def test_an_address_of_another_machine_is_refused(fresh: Skytier) -> None:
    said = fresh.ends_with(1, "up", "--bind", "192.0.2.1")

    assert "cannot listen at the address 192.0.2.1" in said
    assert "--bind 127.0.0.1" in said


def test_a_cloud_that_clouds_yaml_does_not_name_is_refused(fresh: Skytier) -> None:
    said = fresh.ends_with(1, "up", "--cloud", "mycloud")

    assert "There is no usable cloud 'mycloud'" in said
    assert "clouds.yaml is looked for here" in said


def test_options_of_this_machine_are_refused_on_a_cloud(fresh: Skytier) -> None:
    said = fresh.ends_with(1, "up", "--cloud", "mycloud", "--port", "9000")

    assert "--port is for a stack on this machine" in said


def test_a_home_whose_sockets_would_have_too_long_a_path_is_refused(fresh: Skytier) -> None:
    long = Skytier(fresh.home / ("x" * 100))

    said = long.ends_with(1, "up")

    assert "too long for a unix socket" in said
    assert "SKYTIER_HOME" in said
    assert not fresh.home.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another user")
def test_a_home_of_another_user_is_left_alone(fresh: Skytier) -> None:
    fresh.home.mkdir()
    (fresh.home / ".skytier-home").touch()
    os.chown(fresh.home, 65534, 65534)

    for command in ("up", "status", "down"):
        assert "belongs to the user nobody" in fresh.ends_with(1, command)
    assert [path.name for path in fresh.home.iterdir()] == [".skytier-home"]
    os.chown(fresh.home, 0, 0)


def test_a_directory_with_other_things_is_not_made_a_home(fresh: Skytier) -> None:
    fresh.home.mkdir()
    (fresh.home / "thesis.txt").touch()

    said = fresh.ends_with(1, "up")

    assert "neither empty nor a home of Skytier" in said
    assert [path.name for path in fresh.home.iterdir()] == ["thesis.txt"]


def test_commands_for_a_running_stack_say_how_to_start_it(fresh: Skytier) -> None:
    for arguments in (["demo-data"], ["admin", "alice"], ["logs"]):
        assert "skytier up" in fresh.ends_with(1, *arguments)


@pytest.mark.parametrize("command", ["up", "status", "top", "logs", "down", "demo-data", "admin"])
def test_every_help_ends_with_an_example(fresh: Skytier, command: str) -> None:
    last = fresh.run(command, "--help").strip().splitlines()[-1]

    assert last.strip().startswith(f"Example: skytier {command}")


def test_the_help_tells_the_exit_codes_and_the_version_is_shown(fresh: Skytier) -> None:
    assert "Exit codes: 0 done; 1 it failed; 64 wrong usage" in fresh.run("--help")
    assert fresh.run("--version").startswith("skytier 0.")


def test_a_traceback_is_shown_with_debug_only(fresh: Skytier) -> None:
    assert "Traceback" not in fresh.ends_with(1, "up", "--cloud", "x")
    assert "Traceback" in fresh.ends_with(1, "--debug", "up", "--cloud", "x")
