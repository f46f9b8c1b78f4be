"""What is printed for a file or a program."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytier.cli import console


def test_nothing_of_a_table_is_cut_where_there_is_no_terminal(tmp_path: Path) -> None:
    name = "a-stack-with-a-name-of-32-letters"[:32]
    (tmp_path / "skytier.toml").write_text(f'name = "{name}"\n')
    known = {key: value for key, value in os.environ.items() if key != "COLUMNS"}

    done = subprocess.run(
        [sys.executable, "-m", "skytier", "cost", "estimate", "--offline"],
        cwd=tmp_path,
        env=known,
        check=True,
        capture_output=True,
        text=True,
    )

    [line] = [line for line in done.stdout.splitlines() if f"server {name}-database-1" in line]
    assert line.split()[-1] == "133.40"


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stack is named by its file and its cloud."""
    monkeypatch.delenv("SKYTIER_CLOUD", raising=False)
    monkeypatch.setattr(console, "program", lambda: "skytier")
    console.name_stack(Path("a copy.toml"), "mycloud")
    yield
    console.name_stack(None, None)


STACK = "--cloud mycloud --file 'a copy.toml'"


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ("Run skytier up again.", f"Run skytier up {STACK} again."),
        (
            "Keep the data first: skytier database export FILE. Or: skytier down --delete-data",
            f"Keep the data first: skytier database export {STACK} FILE. "
            f"Or: skytier down {STACK} --delete-data",
        ),
        ("See skytier database", f"See skytier database {STACK}"),
        ("skytier backup list; skytier ssh web/1", f"skytier backup list {STACK}; skytier ssh "
         f"{STACK} web/1"),
        ("See skytier backup --help", "See skytier backup --help"),
        ("skytier --debug up", "skytier --debug up"),
        # What an advice names itself stays as it is.
        ("skytier up --file other.toml", "skytier up --cloud mycloud --file other.toml"),
        ("The stack skytier is up.", "The stack skytier is up."),
    ],
)  # fmt: skip
def test_advice_is_about_the_stack_that_was_named(advice: str, told: str) -> None:
    assert console.callable_here(advice) == told


def test_a_stack_that_was_not_named_needs_no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "program", lambda: "skytier")
    monkeypatch.setenv("SKYTIER_CLOUD", "mycloud")
    # The next command has the variable, too.
    console.name_stack(None, "mycloud")
    assert console.callable_here("Run skytier up.") == "Run skytier up."
