"""`/metrics` of the application under Uvicorn with several workers."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import asyncpg
import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from postgres_cluster import PostgresCluster
from skytier_app import __version__
from tests.waiting import wait_until

from .conftest import Serve, Served, register, sign_in

Labels = frozenset[tuple[str, str]]


def figures(served: Served) -> dict[tuple[str, Labels], float]:
    text = httpx.get(f"{served.url}/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(served: Served, name: str, **labels: str) -> float:
    return figures(served).get((name, frozenset(labels.items())), 0)


@pytest.fixture(scope="module")
async def shared(
    postgres: PostgresCluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """Three workers of a release, for tests that each look at metrics of their own."""
    server = await asyncpg.connect(postgres.url("postgres"))
    await server.execute(f"CREATE DATABASE metrics TEMPLATE {template} STRATEGY FILE_COPY")
    served = Served(
        tmp_path_factory.mktemp("metrics"),
        postgres.url("metrics"),
        SKYTIER_WORKERS="3",
        SKYTIER_RELEASE="abc123",
    )
    yield served
    served.stop()
    await server.execute("DROP DATABASE metrics WITH (FORCE)")
    await server.close()


def test_requests_are_counted_over_all_workers(shared: Served) -> None:
    route = {"method": "GET", "route": "/api/posts/{post_id}"}
    for _ in range(30):
        with httpx.Client(base_url=shared.url) as client:  # a connection each, to any worker
            client.get("/api/posts/1")

    assert of(shared, "skytier_http_requests_total", **route, status="404") == 30
    duration = "skytier_http_request_duration_seconds"
    assert of(shared, f"{duration}_count", **route) == 30
    # Fractions of a millisecond and seconds have buckets of their own, and so has 500 ms, the
    # objective that alerts are about.
    bounds = {dict(labels)["le"] for name, labels in figures(shared) if "_bucket" in name}
    assert {"0.0005", "0.001", "0.5", "2.5", "10.0", "+Inf"} <= bounds


def test_the_build_is_told_once_for_all_workers(shared: Served) -> None:
    build = {"version": __version__, "release": "abc123"}
    assert of(shared, "skytier_build_info", **build) == 1


async def test_sign_ins_are_counted_by_their_result(shared: Served) -> None:
    assert ("skytier_sign_ins_total", frozenset({("result", "failed")})) in figures(shared)
    async with httpx.AsyncClient(base_url=shared.url) as client:
        await register(client, "ada")
        await sign_in(client, "ada")
        wrong = {"username": "ada", "password": "not the one at all"}
        for _ in range(2):
            assert (await client.post("/api/sessions", json=wrong)).status_code == 401

    assert of(shared, "skytier_sign_ins_total", result="ok") == 1
    assert of(shared, "skytier_sign_ins_total", result="failed") == 2


def test_lookups_in_caches_are_hits_or_misses(serve: Serve) -> None:
    with serve(SKYTIER_WORKERS="1") as served:
        for _ in range(3):
            assert httpx.get(f"{served.url}/").status_code == 200

        assert of(served, "skytier_cache_requests_total", cache="skyline", result="miss") == 1
        assert of(served, "skytier_cache_requests_total", cache="skyline", result="hit") == 2


async def test_who_waits_for_a_connection_of_the_pool_is_seen(
    serve: Serve, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    with serve(SKYTIER_WORKERS="1", SKYTIER_POOL_SIZE="2", SKYTIER_POOL_WAIT_S="60") as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            async with sql.transaction():
                await sql.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
                asking = [asyncio.create_task(client.get("/api/users")) for _ in range(5)]

                def seen() -> bool:
                    pool = "skytier_database_connections"
                    return (
                        of(served, pool, state="in_use") == of(served, pool, state="max") == 2
                        and of(served, "skytier_database_waiting") >= 3
                        and of(served, "skytier_http_requests_in_progress") >= 5
                    )

                await asyncio.to_thread(wait_until, seen, 50)
            # The lock is gone with the transaction.
            answers = await asyncio.gather(*asking)
        assert {answer.status_code for answer in answers} == {200}


def test_the_gauges_of_a_worker_that_was_killed_do_not_stay(serve: Serve) -> None:
    with serve(SKYTIER_WORKERS="2", SKYTIER_POOL_SIZE="4") as served:

        def most() -> float:
            return of(served, "skytier_database_connections", state="max")

        wait_until(lambda: most() == 8)
        workers = [
            child
            for child in psutil.Process(served.process.pid).children()
            if "spawn_main" in " ".join(child.cmdline())
        ]
        os.kill(workers[0].pid, signal.SIGKILL)
        wait_until(lambda: not workers[0].is_running() or workers[0].status() == "zombie")
        wait_until(lambda: served.answers() and most() == 8)


def test_metrics_are_not_for_strangers(serve: Serve) -> None:
    with serve(SKYTIER_METRICS_FROM='["192.0.2.0/24"]', SKYTIER_WORKERS="1") as served:
        assert httpx.get(f"{served.url}/metrics").status_code == 404
