"""The application under Uvicorn: many at once, stopping, workers, metrics and logs."""

import asyncio
import json
import os
import signal
from pathlib import Path

import asyncpg
import httpx
import psutil

from tests.waiting import wait_until

from .conftest import QUICK_HASHES, Serve, Served, register, sign_in, write_post


def get(served: Served, path: str) -> httpx.Response:
    return httpx.get(served.url + path)


async def test_32_clients_that_write_at_once_lose_and_double_nothing(
    serve: Serve, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    writers, each = 32, 10
    # All may sign in in the same moment, and none has succeeded yet.
    with serve(QUICK_HASHES, SKYTIER_FAILED_SIGN_INS_PER_MINUTE=str(writers)) as served:

        async def write(n: int) -> list[int]:
            async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
                await register(client, f"writer{n}")
                await sign_in(client, f"writer{n}")
                made = [await write_post(client, f"{n}/{i}") for i in range(each)]
                return [post["id"] for post in made]

        made = await asyncio.gather(*(write(n) for n in range(writers)))
        acknowledged = [row_id for ids in made for row_id in ids]
        rows = await sql.fetch(
            "SELECT posts.id, username, title FROM posts JOIN users ON users.id = user_id"
        )
    assert len(set(acknowledged)) == writers * each
    assert {row["id"] for row in rows} == set(acknowledged)
    wanted = {(f"writer{n}", f"{n}/{i}") for n in range(writers) for i in range(each)}
    assert {(row["username"], row["title"]) for row in rows} == wanted


async def test_writers_of_one_post_with_if_match_never_overwrite_each_other(
    serve: Serve,
) -> None:
    with serve() as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            await register(client, "ada")
            await sign_in(client, "ada")
            path = f"/api/posts/{(await write_post(client, '0'))['id']}"

            async def count_up() -> None:
                done = 0
                while done < 5:
                    read = await client.get(path)
                    title = str(int(read.json()["title"]) + 1)
                    headers = {"If-Match": read.headers["ETag"]}
                    answer = await client.patch(path, json={"title": title}, headers=headers)
                    assert answer.status_code in {200, 412}
                    done += answer.status_code == 200

            await asyncio.gather(*(count_up() for _ in range(6)))
            assert (await client.get(path)).json()["title"] == "30"


async def test_a_stop_lets_the_requests_in_hand_finish(
    serve: Serve, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    with serve() as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            await register(client, "ada")
            await sign_in(client, "ada")
            async with sql.transaction():
                await sql.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
                writing = asyncio.create_task(write_post(client))
                while not await sql.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                ):
                    await asyncio.sleep(0.01)
                served.process.terminate()
                await asyncio.sleep(0.3)
                assert served.process.poll() is None
            post = await writing
        await asyncio.to_thread(served.process.wait, 120)
    assert served.process.returncode == 0
    assert await sql.fetchval("SELECT id FROM posts") == post["id"]


def test_a_kept_connection_is_told_of_the_end_before_it_is_closed(serve: Serve) -> None:
    with serve() as served, httpx.Client(base_url=served.url) as client:
        assert "connection" not in client.get("/health/live").headers
        served.process.terminate()
        # None is lost: the connection stays until an answer says that it closes.
        while "connection" not in (answer := client.get("/health/live")).headers:
            assert answer.status_code == 200
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        served.process.wait(120)
    assert served.process.returncode == 0


def worker_pids(served: Served) -> set[int]:
    """The workers' process ids; multiprocessing's helper process is none of them."""
    pids = set()
    for child in psutil.Process(served.process.pid).children():
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                pids.add(child.pid)
        except psutil.NoSuchProcess:
            continue  # gone, or a zombie
    return pids


def test_a_worker_that_is_killed_is_replaced(serve: Serve) -> None:
    with serve() as served:
        before = worker_pids(served)
        assert len(before) == 2
        killed = before.pop()
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(worker_pids(served) - {killed}) == 2)
        wait_until(served.answers)


def test_uvloop_and_httptools_are_in_use(serve: Serve) -> None:
    with serve(SKYTIER_WORKERS="1") as served:
        assert get(served, "/health").status_code == 200
        maps = Path(f"/proc/{served.process.pid}/maps").read_text()
    assert "uvloop/loop" in maps
    assert "httptools/parser" in maps


def test_logs_are_json_lines_with_the_id_of_the_request(serve: Serve) -> None:
    with serve(SKYTIER_WORKERS="1") as served:
        answer = get(served, "/api/posts?q=private+words")
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    (entry,) = [line for line in lines if line.get("path") == "/api/posts"]
    assert entry["request_id"] == answer.headers["X-Request-ID"]
    assert (entry["method"], entry["status"], entry["level"]) == ("GET", 200, "INFO")
    assert entry["duration_ms"] > 0
    assert "private" not in str(entry)
