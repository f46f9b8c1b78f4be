"""Benchmarks that are Python alone: what they import is there."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
PROGRAMS = sorted(
    each.name
    for each in BENCH.iterdir()
    if each.is_file() and not each.suffix and "python" in each.read_text().partition("\n")[0]
)


def test_there_are_some() -> None:
    assert PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_begins(name: str) -> None:
    # They have no ending, so type checks leave them out.
    done = subprocess.run(
        [sys.executable, BENCH / name, "--help"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {name}")
