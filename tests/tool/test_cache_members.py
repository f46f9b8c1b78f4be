"""Three members of Redis: where they are, who reaches them, and what they are told."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from skytier import roles
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.hosts.host import UnreachableError
from skytier.openstack.choices import redis_version
from skytier.openstack.choices.images import Image
from skytier.openstack.machines.redis_members import RedisServers, members
from skytier.openstack.plan.redis_news import news
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.roles import ROLES
from skytier.secrets.secret import Authority, Password
from skytier.services.prometheus.service import targets
from skytier.services.sentinel.service import LEAVE
from skytier.stackfile import StackFile, parse
from skytier.stackfile.cache import members_on
from skytier.topology import PRIVATE, IngressRule
from tests.roles.topology import BALANCER, SECOND, TOPOLOGIES, WEB

STACK = TOPOLOGIES["three members of Redis"]
MEMBERS = 'cache = {kind = "redis", members = 3}'
COLOCATED = 'cache = {kind = "redis", colocated = true}'


@pytest.mark.parametrize(
    ("balancers", "web_servers", "places"),
    [
        (1, 2, ["web 1", "balancer 1", "web 2"]),
        (1, 9, ["web 1", "balancer 1", "web 2"]),
        (2, 2, ["web 1", "balancer 1", "web 2"]),
        (2, 1, ["web 1", "balancer 1", "balancer 2"]),
        (0, 3, ["web 1", "web 2", "web 3"]),
        (0, 4, ["web 1", "web 2", "web 3"]),
        (1, 1, ["web 1", "balancer 1"]),
        (0, 2, ["web 1", "web 2"]),
        (0, 1, ["web 1"]),
    ],
)
def test_members_are_where_machines_stay_longest(
    balancers: int, web_servers: int, places: list[str]
) -> None:
    assert [f"{role} {number}" for role, number in members_on(balancers, web_servers)] == places


def on(stack: StackFile) -> set[str]:
    """The machines that Redis runs on."""
    return {
        f"{role} {number}"
        for role, section in stack.machines().items()
        for number in range(1, section.machines + 1)
        if "redis" in [each.name for each in roles.services_on(stack, role, number)]
    }


def test_scaling_moves_no_member() -> None:
    first = {"web 1", "balancer 1", "web 2"}
    assert on(parse(f"web.count = 2\n{MEMBERS}")) == first
    assert on(parse(f"web.count = 5\n{MEMBERS}")) == first
    automatic = parse(f"web.count = {{min = 2, max = 6, cpu = 60}}\n{MEMBERS}")
    for count in (2, 4, 6):
        web = automatic.web.having(count)
        assert on(automatic.model_copy(update={"web": web})) == first


def test_members_are_on_machines_that_are_there_at_every_hour() -> None:
    night = '[[web.schedule]]\nfrom = "22:00"\nto = "06:00"\ncount = 1\ntimezone = "UTC"'
    with pytest.raises(SkytierError, match=r"cache\.members is 3, which needs three"):
        parse(f"web.count = 3\n{MEMBERS}\n{night}")
    stack = parse(f"web.count = 3\nbalancer.count = 2\n{MEMBERS}\n{night}")
    by_night = stack.model_copy(update={"web": stack.web.having(1)})
    assert on(stack) == on(by_night) == {"web 1", "balancer 1", "balancer 2"}


def test_a_load_balancer_of_the_cloud_is_no_machine_for_a_member() -> None:
    octavia = 'balancer.kind = "octavia"'
    assert on(parse(f"web.count = 3\n{octavia}\n{MEMBERS}")) == {"web 1", "web 2", "web 3"}
    with pytest.raises(SkytierError, match=r"cache\.members is 3, which then needs as many web"):
        parse(f"web.count = 2\n{octavia}\n{MEMBERS}")
    # Whatever the cloud has, "auto" is HAProxy then.
    auto = parse(f'web.count = 2\nbalancer.kind = "auto"\n{MEMBERS}')
    assert on(auto) == {"web 1", "balancer 1", "web 2"}
    assert auto.no_load_balancer
    assert not parse(f'web.count = 3\nbalancer.kind = "auto"\n{MEMBERS}').no_load_balancer


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (MEMBERS, "there is 1"),
        (f'web.count = 2\nbalancer.kind = "none"\n{MEMBERS}', "there are 2"),
        ("cache.members = 3", 'needs cache.kind = "redis"'),
        ('cache = {kind = "redis", members = 2}', "1 or 3"),
        ('cache = {kind = "redis", members = 3, colocated = true}', "leave one out"),
    ],
)
def test_what_cannot_be_is_refused_beforehand(text: str, why: str) -> None:
    with pytest.raises(SkytierError, match=r"cache\.members") as raised:
        parse(text)
    assert why in raised.value.what


def test_there_is_no_machine_of_its_own() -> None:
    assert {*STACK.stack.machines()} == {"web", "database", "balancer"}
    assert [each.name for each in STACK.running("sentinel")] == [
        each.name for each in STACK.running("redis")
    ]


def test_members_and_clients_alone_reach_them() -> None:
    rules = roles.ingress_rules(STACK.stack)
    ports = {6379, 6380, 26379}
    assert {each for each in rules["web"] if each.port in ports} == {
        IngressRule(port, role) for port in ports for role in ("web", "balancer")
    }
    # Two groups that name each other: one of them names the private network instead.
    assert {each for each in rules["balancer"] if each.port in ports} == {
        IngressRule(port, remote) for port in ports for remote in (PRIVATE, "balancer")
    }
    assert not {each.port for each in rules["database"]} & ports


def files(name: str) -> dict[str, str]:
    machine = next(each for each in STACK.machines if each.name == name)
    return {each.path: each.text for each in roles.setup(STACK, machine).files}


def test_every_link_has_tls_and_a_user() -> None:
    texts = files(BALANCER.name)
    for name in ("redis", "redis-cache", "sentinel"):
        text = texts[f"/etc/skytier/redis/{name}.conf"]
        for line in ("port 0", "tls-replication yes", f"bind {BALANCER.address}"):
            assert f"{line}\n" in text
    setup = roles.setup(STACK, BALANCER)
    for user in ("default", "monitor", "replica", "sentinel", "member"):
        assert f"user {user} on #" in setup.script
    assert " on >" not in setup.script
    assert "nopass" not in setup.script


def test_sentinel_decides_who_is_the_primary() -> None:
    """No file of the set-up says it, so no set-up undoes a failover."""
    for name in (WEB.name, SECOND.name, BALANCER.name):
        texts = files(name)
        assert "replicaof" not in texts["/etc/skytier/redis/redis.conf"]
        assert "sentinel monitor" not in texts["/etc/skytier/redis/sentinel.conf"]
        # The first primary is where the only Redis may have been.
        duty = texts["/usr/local/lib/skytier/redis-duty"]
        assert f"primary=${{primary:-{WEB.address}}}" in duty


def test_members_have_the_same_memory() -> None:
    machines = [replace(each, memory_mib=768 - each.number * 128) for each in STACK.machines]
    stack = replace(STACK, machines=machines)
    for machine in stack.running("redis"):
        setup = roles.setup(stack, machine)
        text = next(each.text for each in setup.files if each.path.endswith("redis/redis.conf"))
        assert "maxmemory 25mb\n" in text


def test_the_application_comes_by_its_own_machine_and_knows_the_sentinels() -> None:
    setup = roles.setup(STACK, WEB)
    for port in (6389, 6390):
        assert f"@127.0.0.1:{port}/0" in setup.script
    sentinels = ",".join(f"{each.address}:26379" for each in STACK.running("sentinel"))
    assert f'keep {sentinels} "${{redis_credentials[-1]}}"' in setup.script
    assert "LoadCredential=skytier_redis_sentinels:" in "".join(each.text for each in setup.files)
    assert {"redis_password", "redis_ca_certificate"} <= {*setup.secrets}
    one = roles.setup(TOPOLOGIES["a colocated cache"], TOPOLOGIES["a colocated cache"].machines[0])
    texts = [one.script, *(each.text for each in one.files)]
    assert not [text for text in texts if "sentinel" in text.lower()]


def test_a_member_that_moves_changes_no_secret_of_the_others() -> None:
    def declared(addresses: Sequence[str]) -> list[str]:
        machines = [
            replace(each, address=address)
            for each, address in zip(STACK.machines, addresses, strict=True)
        ]
        found = roles.secrets(replace(STACK, machines=machines))
        return [repr(each) for each in found if each.names[0].startswith("redis")]

    here = [each.address for each in STACK.machines]
    assert declared(here) == declared([f"{each}0" for each in here])
    found = [each for each in roles.secrets(STACK) if each.names[0].startswith("redis")]
    assert [type(each) for each in found] == [Password, Password, Password, Authority]


def test_each_sentinel_is_watched() -> None:
    jobs = {(each.job, each.machine) for each in targets(STACK) if each.job.startswith("redis")}
    assert jobs == {
        (job, name)
        for job in ("redis", "redis-cache", "redis-sentinel")
        for name in (WEB.name, SECOND.name, BALANCER.name)
    }
    assert ROLES["cache"].hosts(STACK.stack) == [("web", 1), ("balancer", 1), ("web", 2)]


class Servers:
    """Of Nova: what was done, in its order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.refuses = False

    def reconcile(self, *_: object) -> None:
        self.done.append("resized")
        raise SkytierError("The flavor is not there.")

    def delete(self, found: Found, _: object) -> None:
        self.done.append("deleted")

    def enter(self, *_: object) -> "Servers":
        return self

    def run(self, script: str) -> str:
        if self.refuses:
            raise SkytierError("No other member can be the primary.")
        self.done.append(script)
        return ""


def test_a_member_hands_over_before_its_server_goes() -> None:
    servers = Servers()
    places = {("web", 1), ("balancer", 1), ("web", 2)}
    kind = RedisServers(cast(Any, servers), cast(Any, servers), Known(), places, goes_on=True)
    facts = {"role": "web", "number": 1}
    found = Found(Key("server", WEB.name), "1", {"flavor": "small"}, facts)
    kind.delete(found, lambda text: None)
    assert servers.done == [f"[ ! -x {LEAVE} ] || {{ {LEAVE} --for-good; }}", "deleted"]
    servers.done.clear()
    wanted: Any = replace(found, attributes={"flavor": "large"})
    with pytest.raises(SkytierError):
        kind.reconcile(wanted, found, Known(), lambda text: None)
    gone, resized, back = servers.done
    assert (gone, resized) == (f"[ ! -x {LEAVE} ] || {{ {LEAVE}; }}", "resized")
    assert "systemctl start skytier-sentinel redis-server redis-server@cache" in back
    for other in (replace(found, fault="shelved"), replace(found, facts={"role": "database"})):
        servers.done.clear()
        kind.delete(other, lambda text: None)
        assert servers.done == ["deleted"]
    # Where Redis has one server, nothing has to be known of the others.
    servers.done.clear()
    replace(kind, members=frozenset()).delete(found, lambda text: None)
    assert servers.done == ["deleted"]
    servers.done.clear()
    replace(kind, goes_on=False).delete(found, lambda text: None)
    assert servers.done == [f"[ ! -x {LEAVE} ] || {{ {LEAVE} --apart; }}", "deleted"]
    # One that cannot hand over stays.
    servers.done.clear()
    servers.refuses = True
    with pytest.raises(SkytierError):
        kind.delete(found, lambda text: None)
    assert servers.done == []


class Hangs(Servers):
    """Of Nova: a machine that lets nobody in."""

    def run(self, script: str) -> str:
        raise UnreachableError("It does not answer.", "")


@pytest.mark.parametrize(
    ("number", "goes_on", "stays"), [(1, True, True), (1, False, False), (3, True, False)]
)
def test_one_that_lets_nobody_in_stays_if_it_has_a_member_that_others_follow(
    number: int, *, goes_on: bool, stays: bool
) -> None:
    servers, told = Hangs(), list[str]()
    places = {("web", 1), ("web", 2)}
    kind = RedisServers(cast(Any, servers), cast(Any, servers), Known(), places, goes_on=goes_on)
    facts = {"role": "web", "number": number}
    found = Found(Key("server", f"shop-web-{number}"), "1", {"flavor": "small"}, facts)
    if stays:
        with pytest.raises(UnreachableError):
            kind.delete(found, told.append)
    else:
        kind.delete(found, told.append)
        assert told == ["if Redis runs there, it was not stopped: It does not answer."]
    assert servers.done == ([] if stays else ["deleted"])


@pytest.mark.parametrize(
    ("balancers", "web_servers", "then", "places"),
    [
        (1, 3, f"web.count = 2\n{MEMBERS}", {"web 1", "web 2", "balancer 1"}),
        (0, 4, f"web.count = 3\nbalancer.kind = 'none'\n{MEMBERS}", {"web 1", "web 2", "web 3"}),
        # Where web servers were as few as one at an hour, the second balancer had a member.
        (
            *(2, 3, f"web.count = 2\n{MEMBERS}"),
            {"web 1", "web 2", "balancer 1", "balancer 2"},
        ),
        (1, 2, 'cache.kind = "redis"', {"web 1", "web 2", "balancer 1"}),
        # A balancer goes.
        (
            *(1, 4, f"web.count = 3\nbalancer.kind = 'none'\n{MEMBERS}"),
            {"web 1", "web 2", "web 3", "balancer 1"},
        ),
    ],
)
def test_which_machines_may_have_a_member(
    balancers: int, web_servers: int, then: str, places: set[str]
) -> None:
    stack = parse(f'name = "shop"\n{then}')
    keys = [
        *(("balancer", number) for number in range(1, balancers + 1)),
        *(("web", number) for number in range(1, web_servers + 1)),
    ]
    servers = [
        Found(Key("server", f"shop-{role}-{number}"), "", {}, {"role": role, "number": number})
        for role, number in keys
    ]
    there = Known({**known([6379, 26379]), **{each.key: each for each in servers}})
    assert {f"{role} {number}" for role, number in members(stack, there)} == places
    # Nobody had one where no Sentinel is let in.
    one = Known({**known([6379]), **{each.key: each for each in servers}})
    assert members(stack, one) == set()


def known(ports: Sequence[int], *configured: str) -> Known:
    """What there is: the ports of the web servers' group, and machines that were set up."""
    group = Key("security group", "shop-web")
    rules = [[port, "shop-web"] for port in ports]
    keys = [Key("configuration", name) for name in configured]
    return Known(
        {
            group: Found(group, "1", {"rules": rules}, {}),
            **{key: Found(key, "2", {}, {}) for key in keys},
        }
    )


@pytest.mark.parametrize(
    ("there", "then", "told"),
    [
        (known([]), MEMBERS, ["another member takes over"]),
        (known([80], "shop-web-1"), MEMBERS, ["another member takes over"]),
        (known([6379], "shop-web-1"), MEMBERS, ["cannot be used", "another member takes over"]),
        (known([80], "shop-web-1", "shop-cache-1"), MEMBERS, ["are lost", "another member"]),
        (known([6379, 26379], "shop-web-1"), MEMBERS, []),
        (known([6379, 26379], "shop-web-1"), COLOCATED, ["is on shop-web-1 alone again"]),
        (known([6379, 26379], "shop-web-1"), 'cache.kind = "redis"', ["begins empty"]),
        (known([6379, 26379], "shop-web-1"), "", ["no Redis any more"]),
        (known([6379], "shop-web-1"), COLOCATED, []),
        (known([80], "shop-web-1"), COLOCATED, []),
        (known([80], "shop-web-1"), "", []),
    ],
)
def test_a_plan_says_which_keys_stay(there: Known, then: str, told: list[str]) -> None:
    stack = parse(f'name = "shop"\nweb.count = 2\n{then}')
    resolved = ResolvedStack(stack, cast(Any, None), ROLES, cast(Any, None))
    found = news(resolved, there, [])
    assert len(found) == len(told)
    assert all(part in sentence for part, sentence in zip(told, found, strict=True))


@pytest.mark.parametrize("action", [Action.CREATE, Action.REPLACE])
@pytest.mark.parametrize(
    ("there", "then", "told"),
    [
        (known([6379], "shop-web-1"), MEMBERS, "begins empty"),
        (known([6379, 26379], "shop-web-1", "shop-web-2"), COLOCATED, "begins empty"),
        # It is lost, and the others are there.
        (known([6379, 26379], "shop-web-2"), COLOCATED, "begins empty"),
        (known([6379, 26379], "shop-web-2"), "", "are lost"),
    ],
)
def test_a_plan_promises_no_keys_of_a_server_that_is_made(
    action: Action, there: Known, then: str, told: str
) -> None:
    stack = parse(f'name = "shop"\nweb.count = 2\n{then}')
    resolved = ResolvedStack(stack, cast(Any, None), ROLES, cast(Any, None))
    steps = [Step(action, Key("server", "shop-web-1"), "its image is another one")]
    assert told in news(resolved, there, steps)[0]


OWN = 'cache.kind = "redis"'


@pytest.mark.parametrize(
    ("there", "then", "made", "told"),
    [
        (known([80], "shop-web-1", "shop-cache-1"), OWN, "shop-cache-1", ["begins empty"]),
        (known([6379], "shop-web-1"), COLOCATED, "shop-web-1", ["begins empty"]),
        # Another machine has the keys.
        (known([80], "shop-web-1", "shop-cache-1"), OWN, "shop-web-1", []),
        (known([6379], "shop-web-1", "shop-web-2"), COLOCATED, "shop-web-2", []),
        (known([6379, 26379], "shop-web-1", "shop-web-2"), MEMBERS, "shop-web-1", []),
        (known([80], "shop-web-1"), "", "shop-web-1", []),
    ],
)
@pytest.mark.parametrize("action", [Action.REPLACE, Action.CHANGE])
def test_a_plan_says_that_the_keys_go_with_the_only_machine_that_has_them(
    there: Known, then: str, made: str, told: list[str], action: Action
) -> None:
    stack = parse(f'name = "shop"\nweb.count = 2\n{then}')
    resolved = ResolvedStack(stack, cast(Any, None), ROLES, cast(Any, None))
    steps = [Step(action, Key("server", made), "its image is another one")]
    found = news(resolved, there, steps)
    # A server that is resized keeps its disk.
    assert len(found) == (len(told) if action is Action.REPLACE else 0)
    assert all(part in sentence for part, sentence in zip(told, found, strict=False))


def test_images_with_an_older_redis_are_refused_before_anything_is_made() -> None:
    images = {role: Image("i", "the-image", "2026-01-01") for role in ("web", "balancer")}
    fits: Any = {"web": ("debian", (12,)), "balancer": ("", ())}
    redis_version.check(STACK.stack, images, fits)
    old = {**fits, "balancer": ("ubuntu", (22, 4))}
    redis_version.check(parse("web.count = 2"), images, old)
    with pytest.raises(SkytierError, match=r"the-image \(balancer\)") as raised:
        redis_version.check(STACK.stack, images, old)
    assert "balancer.image" in (raised.value.do or "")
