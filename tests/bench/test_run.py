"""A tiny run with everyone in it: all of them start, and give the same answers."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bench.speed.stage import NAMES

CHECKOUT = Path(__file__).parents[2]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [CHECKOUT / "bench/run", *words]
    # Of the neighbours' packages a small part is ever loaded, and compiled then.
    environment = {**os.environ, "PIP_NO_COMPILE": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    words = ["--quick", "--rounds", "1", "--posts", "2000", "--work", "one,create", "--json"]
    done = bench(*words)
    assert done.returncode == 0, done.stderr
    assert "All give the same answers." in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_everyone_is_measured_and_the_product_fails_no_request(document: dict[str, Any]) -> None:
    assert set(document["one"]) == set(NAMES)
    for contenders in (document["one"], document["create"]):
        # On a machine that is busy, one of them may get no turn in so short a slice.
        assert sum(figures["rps"] for figures in contenders.values()) > 0
        for name, figures in contenders.items():
            assert {"rps", "p50_ms", "p99_ms", "cpu_ms", "failed"} <= figures.keys(), name
        assert contenders["skytier"]["failed"] == 0


def test_it_says_what_was_measured_and_what_it_took(document: dict[str, Any]) -> None:
    about = document["about"]
    assert about["versions"]["postgresql"].count(".") == 1
    for name in set(NAMES) - {"pgbench", "nginx_fixed", "nginx_cached"}:
        assert about["memory_mib"][name] > 1
        assert about["start_up_s"][name] > 0


def test_a_wrong_name_is_one_line_with_the_right_ones() -> None:
    done = bench("--only", "skytier,plane")

    assert done.returncode == 2
    assert "plane: it takes skytier, plain" in done.stderr


def test_part_of_a_run_is_not_written_into_the_docs() -> None:
    done = bench("--only", "skytier", "--write")

    assert done.returncode == 2
    assert "--write takes everyone and all the work" in done.stderr
