"""/api/stats"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from skytier_app.stats import machine
from skytier_app.stats.machine import KEPT, SHORTEST_S, MachineSampler

from .conftest import write_post


async def test_counts_and_posts_a_day_are_those_of_now(ada: httpx.AsyncClient, sql) -> None:
    for _ in range(3):
        await write_post(ada)
    await sql.execute(
        "UPDATE posts SET created_at = now() - interval '3 days' WHERE id = "
        "(SELECT min(id) FROM posts)"
    )
    await sql.execute(
        "INSERT INTO posts (user_id, title, content, created_at) "
        "SELECT id, 'old', 'old', now() - interval '40 days' FROM users"
    )
    stats = (await ada.get("/api/stats")).json()
    assert (stats["users"], stats["posts"]) == (1, 4)
    days = stats["posts_per_day"]
    today = datetime.now(UTC).date()
    wanted = [(today - timedelta(days=n)).isoformat() for n in range(29, -1, -1)]
    assert [day["day"] for day in days] == wanted
    counted = {day["day"]: day["posts"] for day in days if day["posts"]}
    assert counted == {wanted[-1]: 2, wanted[-4]: 1}


async def test_the_pool_and_the_machine_are_told(client: httpx.AsyncClient) -> None:
    stats = (await client.get("/api/stats")).json()
    while stats["machine"] is None:  # the first sample is taken in the background
        await asyncio.sleep(0.01)
        stats = (await client.get("/api/stats")).json()
    assert 1 <= stats["pool"]["open"] <= stats["pool"]["max"] == 10
    assert 0 <= stats["pool"]["idle"] <= stats["pool"]["open"]
    machine = stats["machine"]
    assert machine["cpu"]["count"] >= 1
    for part in ("memory", "disk"):
        assert 0 < machine[part]["used_bytes"] <= machine[part]["total_bytes"]
        assert 0 <= machine[part]["percent"] <= 100
    assert machine["network"]["sent_bytes_per_s"] >= 0


async def test_a_request_takes_no_sample_of_its_own(client: httpx.AsyncClient) -> None:
    sampled = None
    while sampled is None:
        sampled = (await client.get("/api/stats")).json()["machine"]
        await asyncio.sleep(0.01)
    assert (await client.get("/api/stats")).json()["machine"] == sampled


async def test_the_first_sample_shows_a_machine_at_work() -> None:
    sampler = MachineSampler()
    end = time.monotonic() + SHORTEST_S
    while time.monotonic() < end:
        pass
    await sampler.sample()
    assert sampler.newest is not None
    assert 0 < sampler.newest["cpu"]["percent"] <= 100
    at, cpu, memory, disk, received, sent = sampler.columns()
    assert [len(column) for column in (at, cpu, memory, disk, received, sent)] == [1] * 6


async def test_only_the_newest_samples_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SHORTEST_S", 0)
    sampler = MachineSampler()
    for _ in range(KEPT + 3):
        await sampler.sample()
    at = sampler.columns()[0]
    assert len(at) == KEPT
    assert at == sorted(at)
