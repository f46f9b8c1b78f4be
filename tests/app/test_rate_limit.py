"""How often an address and an account may do a thing."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from fastapi import Request
from pydantic import SecretStr

from skytier_app import rate_limit
from skytier_app.cache import open_cache
from skytier_app.database import open_database
from skytier_app.rate_limit import (
    HitsElsewhere,
    LocalHits,
    PostgresHits,
    RedisHits,
    of_address,
)
from skytier_app.settings import Settings

from .conftest import (
    PASSWORD,
    NewClient,
    client_of,
    make_token,
    redis_at,
    register,
    running,
    sign_in,
)

WRONG = {"username": "ada", "password": "not the password"}
RIGHT = {"username": "ada", "password": PASSWORD}


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "address 192.0.2.7"),
        ("::ffff:192.0.2.7", "address 192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "address 2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "address 2001:db8:1:2::/64"),
        ("fe80::1%eth0", "address fe80::/64"),
        ("garbage", "address unknown"),
        (None, "address unknown"),
    ],
)
def test_what_counts_as_one_address(address: str | None, counted: str) -> None:
    client = (address, 1) if address else None
    assert of_address(Request({"type": "http", "client": client})) == counted


async def test_hits_of_one_worker_are_counted_by_the_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 6000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    hits = LocalHits()
    assert [await hits.hit("a") for _ in range(3)] == [(1, 61), (2, 61), (3, 61)]
    assert (await hits.hit("b"))[0] == 1
    await hits.take_back("a")
    await hits.take_back("c")
    assert [await hits.count(key) for key in "abc"] == [(2, 61), (1, 61), (0, 61)]
    now += 59
    assert await hits.hit("a") == (3, 2)
    now += 1
    assert (await hits.hit("a"))[0] == 1
    assert (await hits.hit("c"))[0] == 1


@pytest.mark.usefixtures("store")
async def test_attempts_are_limited_for_each_address(settings: Settings) -> None:
    settings.failed_sign_ins_per_minute = 3
    settings.registrations_per_minute = 2
    async with running(settings) as app, running(settings) as other_worker:
        near = client_of(app)
        far = client_of(other_worker)
        await register(near, "ada")
        await register(far, "grace")
        body = {"username": "eve", "email": "eve@example.org", "password": PASSWORD}
        refused = await near.post("/api/users", json=body)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        for _ in range(5):
            await sign_in(near, "ada")  # what goes well does not count
        wrong = {"username": "ada", "password": "not the password"}
        statuses = [
            (await client.post("/api/sessions", json=wrong)).status_code
            for client in (near, far, near, far)
        ]
        assert statuses == [401, 401, 401, 429]
        elsewhere = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=("192.0.2.7", 1)),
            base_url="http://skytier.test",
        )
        assert (await elsewhere.post("/api/sessions", json=wrong)).status_code == 401


@pytest.mark.usefixtures("store")
async def test_right_passwords_are_limited_for_an_account_and_for_an_address(
    settings: Settings, new_client: NewClient
) -> None:
    settings.passwords_per_minute = 2
    settings.accounts_per_address = 2
    async with running(settings) as app:
        here = new_client(to=app)
        for name in ("ada", "grace", "jean"):
            await register(here, name)
        # Somebody else's wrong ones take nothing from her.
        for _ in range(3):
            assert (await here.post("/api/sessions", json=WRONG)).status_code == 401
        for address in ("192.0.2.1", "192.0.2.2"):
            await sign_in(new_client(address, to=app), "ada")
        third = new_client("192.0.2.3", to=app)
        refused = await third.post("/api/sessions", json=RIGHT)
        assert refused.status_code == 429
        assert "of this account" in refused.json()["detail"]
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        await sign_in(third, "grace")  # others go on, also from there
        await sign_in(here, "grace")
        for _ in range(2):
            await sign_in(here, "jean")
        for body in ({"username": "grace"}, {"username": "jean"}):
            assert (await here.post("/api/sessions", json=RIGHT | body)).status_code == 429
        await register(here, "mary")
        await sign_in(here, "mary")
        refused = await here.post("/api/sessions", json=RIGHT | {"username": "mary"})
        assert refused.status_code == 429
        assert "from this address" in refused.json()["detail"]
        await sign_in(new_client("192.0.2.4", to=app), "mary")  # what was refused did not count


@pytest.mark.usefixtures("store")
async def test_strangers_who_try_many_passwords_at_once_lock_no_user_out(
    settings: Settings, new_client: NewClient
) -> None:
    settings.failed_sign_ins_per_minute = 4
    settings.passwords_per_minute = 3
    async with running(settings) as app:
        ada = new_client(to=app)
        await register(ada, "ada")
        networks = ["192.0.2.1", "192.0.2.2", "198.51.100.7", "2001:db8::1", "2001:db8:1::1"]
        for _ in range(2):
            strangers = [
                new_client(address, to=app).post("/api/sessions", json=WRONG)
                for address in networks * 4
            ]
            *answers, of_ada = await asyncio.gather(
                *strangers, ada.post("/api/sessions", json=RIGHT)
            )
            assert of_ada.status_code == 201
            # The second time, each of them has used up its own limit.
            assert len({answer.status_code for answer in answers}) == 1
            assert all("account" not in answer.text for answer in answers)
        assert [answer.status_code for answer in answers] == [429] * 20
        await sign_in(new_client("203.0.113.9", to=app), "ada")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("most", "tried"), [(1, 9), (4, 5), (7, 30)])
async def test_an_address_that_tries_many_passwords_at_once_has_no_more_guesses(
    settings: Settings, new_client: NewClient, most: int, tried: int
) -> None:
    settings.failed_sign_ins_per_minute = most
    async with running(settings) as app:
        client = new_client(to=app)
        await register(client, "ada")
        bodies = [WRONG | {"username": ("ada", "nobody")[number % 2]} for number in range(tried)]
        answers = await asyncio.gather(
            *(client.post("/api/sessions", json=body) for body in bodies)
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [401] * most + [429] * (tried - most)


@pytest.mark.usefixtures("store")
async def test_right_passwords_at_once_count_each(
    settings: Settings, new_client: NewClient
) -> None:
    settings.passwords_per_minute = 5
    async with running(settings) as app:
        ada = new_client(to=app)
        await register(ada, "ada")
        await asyncio.gather(*(sign_in(new_client(to=app), "ada") for _ in range(5)))
        assert (await ada.post("/api/sessions", json=RIGHT)).status_code == 429


async def test_who_confirms_too_often_has_guessed_nothing(
    settings: Settings, new_client: NewClient
) -> None:
    """What is refused for too many right passwords takes no wrong ones from the account."""
    settings.passwords_per_minute, settings.failed_sign_ins_per_minute = 1, 2
    async with running(settings) as app:
        ada = new_client(to=app)
        await register(ada, "ada")
        await sign_in(ada, "ada")
        assert [(await make_token(ada, f"{each}")).status_code for each in range(3)] == [429] * 3
        settings.passwords_per_minute = 60
        assert (await make_token(ada, "later")).status_code == 201


async def test_limits_hold_and_visitors_stay_signed_in_while_redis_is_away(
    settings: Settings, short_dir: Path, new_client: NewClient
) -> None:
    settings.redis_url = SecretStr(f"unix://{short_dir}/no-redis")
    settings.failed_sign_ins_per_minute = 2
    async with running(settings) as app:
        ada = new_client(to=app)
        await register(ada, "ada")
        await sign_in(ada, "ada")
        health = await ada.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert (await ada.get("/api/sessions")).status_code == 200
        assert (await ada.get("/")).status_code == 200
        statuses = [(await ada.post("/api/sessions", json=WRONG)).status_code for _ in range(3)]
        assert statuses == [401, 401, 429]


@pytest.mark.parametrize(("pause_s", "counted"), [(0, 2), (3600, 1)])
async def test_a_redis_that_was_away_is_asked_again_after_a_pause(
    short_dir: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    pause_s: int,
    counted: int,
) -> None:
    monkeypatch.setattr(rate_limit, "PAUSE_S", pause_s)
    path = short_dir / f"redis-{pause_s}"
    async with (
        open_cache(f"unix://{path}") as redis,
        open_database(database_url, pool_size=2, pool_wait_s=5, statement_timeout_s=10) as database,
    ):
        assert redis is not None
        there = RedisHits(redis)
        hits = HitsElsewhere(there, instead=PostgresHits(database))
        with redis_at(path):
            assert [(await hits.hit("a"))[0] for _ in range(2)] == [1, 2]
            assert (await hits.count("a"))[0] == 2
        assert (await hits.hit("a"))[0] == 1
        await hits.take_back("a")
        with redis_at(path):
            assert (await hits.hit("a"))[0] == 1
            assert (await there.hit("a"))[0] == counted


async def test_one_who_found_a_session_cannot_try_passwords_from_many_addresses(
    settings: Settings, new_client: NewClient
) -> None:
    settings.failed_sign_ins_per_minute = 3
    async with running(settings) as app:
        ada = new_client(to=app)
        await register(ada, "ada")
        await sign_in(ada, "ada")
        path = f"/api/users/{(await ada.get('/api/sessions')).json()['id']}"
        statuses = []
        for number in range(4):
            thief = new_client(f"192.0.2.{number}", to=app)
            thief.cookies.update(ada.cookies)
            body = {"current_password": f"guess number {number}"}
            statuses.append((await thief.request("DELETE", path, json=body)).status_code)
        assert statuses == [403, 403, 403, 429]


async def test_making_tokens_counts_as_showing_the_password(
    settings: Settings, new_client: NewClient
) -> None:
    settings.passwords_per_minute = 2
    async with running(settings) as app:
        ada = new_client(to=app)
        await register(ada, "ada")
        await sign_in(ada, "ada")
        statuses = [(await make_token(ada, f"{number}")).status_code for number in range(2)]
        assert statuses == [201, 429]


async def test_writing_posts_is_limited_for_an_account_and_for_an_address(
    settings: Settings, new_client: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 6000.0)  # no new minute begins meanwhile
    settings.posts_per_minute = 3
    settings.accounts_per_address = 2
    post = {"title": "On engines", "content": "They weave."}
    async with running(settings) as app:
        ada, grace, jean = (new_client(to=app) for _ in range(3))
        for client, name in ((ada, "ada"), (grace, "grace"), (jean, "jean")):
            await register(client, name)
            await sign_in(client, name)
        made = await ada.post("/api/posts", json=post)
        path = made.headers["Location"]
        assert (await ada.put(path, json=post)).status_code == 200
        assert (await ada.patch(path, json={"title": "On looms"})).status_code == 200
        for method, address in (("POST", "/api/posts"), ("PUT", path), ("DELETE", path)):
            body = None if method == "DELETE" else post
            assert (await ada.request(method, address, json=body)).status_code == 429
        assert (await ada.get(path)).status_code == 200
        answers = [await grace.post("/api/posts", json=post) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
        refused = await jean.post("/api/posts", json=post)
        assert refused.status_code == 429
        assert "from this address" in refused.json()["detail"]
        elsewhere = new_client("192.0.2.7", to=app)
        elsewhere.cookies.update(jean.cookies)
        assert (await elsewhere.post("/api/posts", json=post)).status_code == 201
