"""`skytier down`: it keeps the data, unless it is told to purge."""

import httpx

from tests.skytier_command import Skytier, processes_of


def test_down_keeps_the_data_and_the_options(stack: Skytier) -> None:
    url, user = (
        stack.url(),
        {"username": "alice", "email": "a@example.org", "password": "8c7d6e5f4"},
    )
    assert httpx.post(f"{url}/api/users", json=user).status_code == 201

    said = stack.run("down")

    assert "The data stays" in said
    assert not processes_of(stack.home)
    assert "Nothing is running." in stack.run("down")

    stack.run("up")
    assert stack.url() == url
    assert "alice" in [u["username"] for u in httpx.get(f"{url}/api/users").json()]


def test_purge_without_a_terminal_needs_a_yes_beforehand(shared: Skytier) -> None:
    assert "Add --yes" in shared.ends_with(1, "down", "--purge")

    assert shared.status()["healthy"], "the refusal stopped nothing"


def test_down_where_nothing_ever_was_says_so_and_makes_nothing(fresh: Skytier) -> None:
    assert "Nothing is running." in fresh.run("down")
    assert "Nothing is running." in fresh.run("down", "--purge", "--yes")
    assert not fresh.home.exists()


def test_purge_refuses_a_directory_that_is_no_home(fresh: Skytier) -> None:
    fresh.home.mkdir()
    (fresh.home / "thesis.txt").write_text("years of work")

    said = fresh.ends_with(1, "down", "--purge", "--yes")

    assert "does not look like a home of Skytier" in said
    assert (fresh.home / "thesis.txt").read_text() == "years of work"


def test_purge_leaves_what_others_put_into_the_home(fresh: Skytier) -> None:
    fresh.ends_with(1, "up", "--bind", "192.0.2.1")  # makes the home, and nothing runs
    (fresh.home / "notes.txt").write_text("mine")

    fresh.run("down", "--purge", "--yes")

    assert [path.name for path in fresh.home.iterdir()] == ["notes.txt"]
    (fresh.home / "notes.txt").unlink()
    fresh.home.rmdir()
