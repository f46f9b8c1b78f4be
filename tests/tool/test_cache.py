"""A stack with a cache: which machine has Redis, who reaches it, and what it is given."""

from dataclasses import replace

import pytest

from skytier import roles
from skytier.errors import SkytierError
from skytier.roles import units_on
from skytier.secrets.secret import SelfSigned
from skytier.services.prometheus.service import targets
from skytier.services.redis.servers import CACHE as CACHED
from skytier.services.redis.servers import KEPT, maxmemory_mib
from skytier.stackfile import parse
from skytier.topology import IngressRule
from tests.roles.topology import CACHE, TOPOLOGIES, TOPOLOGY, WEB

OWN, COLOCATED = TOPOLOGIES["a cache of its own"], TOPOLOGIES["a colocated cache"]


@pytest.mark.parametrize(
    ("text", "machines"),
    [
        ("", {"web", "database"}),
        ('cache.kind = "none"', {"web", "database"}),
        ('cache.kind = "redis"', {"web", "database", "cache"}),
        ('cache.kind = "redis"\ncache.colocated = true', {"web", "database"}),
    ],
)
def test_there_is_a_machine_of_its_own_if_it_is_wanted(text: str, machines: set[str]) -> None:
    assert {*parse(text).machines()} == machines


def test_a_colocated_cache_has_to_be_one() -> None:
    with pytest.raises(SkytierError, match=r"cache\.colocated is true, which needs cache\.kind"):
        parse("cache.colocated = true")


def test_redis_runs_on_its_machine_or_on_the_first_web_server() -> None:
    several = parse('cache = {kind = "redis", colocated = true}\nweb.count = 2')
    names = [[each.name for each in roles.services_on(several, "web", n)] for n in (1, 2)]
    assert ["redis" in each for each in names] == [True, False]
    assert [each.name for each in OWN.running("redis")] == [CACHE.name]
    assert [each.name for each in COLOCATED.running("redis")] == [WEB.name]


def test_the_web_servers_and_the_monitor_alone_reach_it() -> None:
    rules = roles.ingress_rules(OWN.stack)
    assert rules["cache"] == [IngressRule(port, "web") for port in (22, 9100, 6379, 6380, 9121)]
    assert not {6379, 6380, 9121} & {each.port for each in rules["web"]}
    colocated = roles.ingress_rules(COLOCATED.stack)["web"]
    of_redis = [each for each in colocated if each.port in (6379, 6380, 9121)]
    assert of_redis == [IngressRule(port, "web") for port in (6379, 6380, 9121)]


def test_a_stack_without_it_has_nothing_of_it() -> None:
    setup = roles.setup(TOPOLOGY, WEB)
    texts = [setup.script, *(file.text for file in setup.files)]
    assert not [text for text in texts if "rediss://" in text or ":6379" in text]
    assert "LoadCredential=skytier_redis" not in "".join(texts)
    assert not [name for name in setup.secrets if name.startswith("redis")]
    assert not [file.path for file in setup.files if file.path.endswith("rules/cache.yml")]
    # One that was there before goes.
    assert "systemctl stop" in setup.script
    assert "redis.applied" in setup.script
    assert not {"redis", "redis-cache"} & {each.job for each in targets(TOPOLOGY)}


def test_the_application_gets_both_addresses_as_files() -> None:
    setup = roles.setup(OWN, WEB)
    unit = next(each for each in setup.files if each.path.endswith("/skytier-app.service")).text
    for server in (KEPT, CACHED):
        assert f"LoadCredential={server.credential}:" in unit
        assert f"{CACHE.address}:{server.port}/0" in setup.script
    assert {"redis_password", "redis_tls_certificate"} <= {*setup.secrets}
    assert not {"redis_tls_key", "redis_monitor_password"} & {*setup.secrets}
    with pytest.raises(SkytierError, match="needs redis"):
        roles.setup(replace(OWN, machines=[*OWN.of("web"), *OWN.of("database")]), WEB)


def test_its_certificate_is_made_anew_when_it_moves() -> None:
    def declared(address: str) -> SelfSigned:
        there = replace(OWN.of("cache")[0], address=address)
        found = roles.secrets(replace(OWN, machines=[there]), ["cache"])
        return next(s for s in found if isinstance(s, SelfSigned) and s.name == "redis_tls")

    here = declared(CACHE.address)
    made = here.make()
    assert here.fits(made)
    assert not declared("192.168.128.41").fits(made)


@pytest.mark.parametrize(
    ("memory_mib", "role", "kept", "cached"),
    [(768, "cache", 192, 307), (4096, "cache", 1024, 1638), (4096, "web", 204, 204)],
)
def test_its_memory_follows_from_the_machine_and_leaves_room(
    memory_mib: int, role: str, kept: int, cached: int
) -> None:
    machine = replace(CACHE, memory_mib=memory_mib, role=role)
    assert (maxmemory_mib(KEPT, [machine]), maxmemory_mib(CACHED, [machine])) == (kept, cached)


def test_only_one_server_evicts_and_only_the_other_one_keeps() -> None:
    texts = {each.path: each.text for each in roles.setup(OWN, OWN.of("cache")[0]).files}
    kept, cached = (texts[f"/etc/skytier/redis/{each.name}.conf"] for each in (KEPT, CACHED))
    assert "maxmemory-policy noeviction" in kept
    assert "appendonly yes" in kept
    assert "maxmemory-policy allkeys-lru" in cached
    assert "appendonly no" in cached
    for text in (kept, cached):
        assert f"bind {CACHE.address}\nport 0\n" in text
    assert "redis-server" in units_on(parse('cache.kind = "redis"'), "cache", 1)
    colocated = parse('cache = {kind = "redis", colocated = true}')
    assert "redis-server" in units_on(colocated, "web", 1)
    assert "redis-server" not in units_on(colocated, "web", 2)
