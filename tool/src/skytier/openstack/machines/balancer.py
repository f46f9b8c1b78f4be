"""What each balancer is asked: before a web server is taken out of it, once one is back, and before
visitors come to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from skytier.deploy.kind import Found, Key, Known, Tell
from skytier.deploy.update import CONFIGURATION, SERVER
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.openstack.machines import load_balancer_view
from skytier.openstack.machines.access import Access, is_away
from skytier.openstack.machines.load_balancer_view import LoadBalancerView
from skytier.openstack.resources.load_balancer import LoadBalancer
from skytier.poll import until
from skytier.roles import ROLES
from skytier.services.haproxy import view
from skytier.services.haproxy.service import SOCKET
from skytier.services.nginx.service import DRAINED, DRAINED_UNTIL_BOOT

WITHIN_S = 60.0
"""It asks each web server every few seconds, and a machine that was made anew has to be found
first. A load balancer says what it found some ten seconds later."""
_IS_DRAINED = f"[ ! -e {DRAINED} ] || echo yes"
_TAKES_NOTHING_NEW = f"[ ! -e {DRAINED} ] && [ ! -e {DRAINED_UNTIL_BOOT} ] || echo yes"
_DRAINED = "NOLB"
_SERVES = "ONLINE"

Enter = Callable[[str], Host]
"""Gives a machine of the stack by its name. Raises SkytierError where it lets nobody in."""
Balancer = Host | LoadBalancerView
"""A machine with HAProxy, or a load balancer of the cloud."""


def asked(balancer: Balancer) -> view.View | None:
    """The web servers in its view; None where HAProxy does not run, or Octavia does not tell.

    Raises SkytierError.
    """
    if isinstance(balancer, LoadBalancerView):
        return balancer.view()
    return view.read(balancer.run(view.question(SOCKET)))


def wait_for_another(balancer: Balancer, name: str, tell: Tell, enter: Enter) -> None:
    """Wait until another web server than this one gets requests, too.

    Behind a load balancer the others are asked whether they are drained. Raises SkytierError where
    none gets requests within WITHIN_S, and at once where all others are drained.
    """
    out: view.View = {}

    def goes_on() -> bool:
        nonlocal out
        out = view.others_out(_with_drained(balancer, name, tell, enter), name)
        if out:
            tell(f"waiting for another web server: {_listed(out)}")
        return all(each.is_drained for each in out.values())

    until(goes_on, WITHIN_S, every_s=1)
    if out:
        raise SkytierError(
            f"{name} is the only web server that {balancer.name} sends requests to: "
            f"{_listed(out)}. So it was not taken out.",
            "Put back one that is drained: skytier undrain web/N. skytier status says why another "
            "one is down. Then run this again.",
        )


def _with_drained(balancer: Balancer, name: str, tell: Tell, enter: Enter) -> view.View | None:
    """The view, with the other web servers as drained that say so themselves: what a load balancer
    says of them is some seconds old."""
    if not isinstance(balancer, LoadBalancerView):
        return asked(balancer)
    seen = balancer.members()
    if load_balancer_view.is_silent(seen):
        _say_silent(tell)
        seen = {each: replace(web, status=_SERVES) for each, web in seen.items()}
    return {
        each: replace(web, status=_DRAINED)
        if each != name and web.serves and _takes_nothing_new(each, enter)
        else web
        for each, web in seen.items()
    }


def _takes_nothing_new(name: str, enter: Enter) -> bool:
    try:
        return bool(enter(name).run(_TAKES_NOTHING_NEW).strip())
    except SkytierError:
        # The load balancer's word is all there is.
        return False


def _say_silent(tell: Tell) -> None:
    tell(f"{load_balancer_view.SILENT}: what they say themselves counts")


def wait_until_out(balancer: Balancer, name: str, tell: Tell) -> str:
    """Wait until a load balancer says no more that a drained web server gets requests.

    So what it says is no older than the drain. HAProxy says so at once. Returns what to tell where
    it still does after WITHIN_S; empty where it does not. Raises SkytierError.
    """
    if not isinstance(balancer, LoadBalancerView):
        return ""

    def out() -> bool:
        own = balancer.members().get(name)
        if own and own.serves:
            tell(f"waiting for {balancer.name}, which sees it {own}")
        return own is None or not own.serves

    if until(out, WITHIN_S, every_s=1):
        return ""
    return (
        f"{name} is drained, and after {WITHIN_S:.0f} s {balancer.name} still sees it {_SERVES}, "
        "and may send it requests. See skytier status."
    )


def wait_until_back(
    balancer: Balancer, machine: Host, tell: Tell, address: str = "", *, put_back: bool = False
) -> None:
    """Wait until a web server gets requests.

    One that the operator drained stays out, unless it was `put_back`. `address` is where it is now.
    Raises SkytierError where it gets none within WITHIN_S.
    """
    seen: view.Seen | None = None

    def back() -> bool:
        nonlocal seen
        told = asked(balancer)
        if told is None and isinstance(balancer, LoadBalancerView):
            _say_silent(tell)
        seen = view.missing(told, machine.name, address)
        if seen:
            tell(f"waiting for {balancer.name}, which sees it {seen}")
        return seen is None

    def stays_out() -> bool:
        return not put_back and bool(machine.run(_IS_DRAINED).strip())

    if back() or stays_out():
        return
    if not until(back, WITHIN_S, every_s=1):
        raise SkytierError(
            f"{machine.name} is healthy, but gets no requests: after {WITHIN_S:.0f} s "
            f"{balancer.name} sees it {seen}, at {seen.address if seen else address}.",
            "The others serve, and none of them was taken out. Does a security group or a route "
            f"keep {balancer.name} from it? See skytier status. Then run this again.",
        )


def wait_until_reached(balancer: LoadBalancerView, tell: Tell) -> None:
    """Wait until a load balancer reaches a web server. One that does not tell is believed to.

    Raises SkytierError where it reaches none within WITHIN_S.
    """
    seen: view.View = {}

    def reaches() -> bool:
        nonlocal seen
        seen = balancer.members()
        tell(f"waiting until {balancer.name} reaches a web server: {_listed(seen)}")
        return any(each.serves for each in seen.values())

    if until(reaches, WITHIN_S, every_s=1):
        return
    if load_balancer_view.is_silent(seen):
        _say_silent(tell)
        return
    raise SkytierError(
        f"{balancer.name} reaches no web server: after {WITHIN_S:.0f} s {_listed(seen)}. So the "
        "address of visitors stays where it is.",
        f"Does a security group or a route keep {balancer.name} from them, at the ports 8082, 8443 "
        "and 8083? See skytier status. Then run skytier up again.",
    )


def before(name: str, access: Access, there: Known, tell: Tell) -> None:
    """Wait until a web server can be taken out. Without a balancer there is nothing to wait for.

    Raises SkytierError where it is the last one that gets requests.
    """
    for balancer in _balancers(access, there, tell):
        wait_for_another(balancer, name, tell, partial(access.enter, known=there))


def after(machine: Host, access: Access, known: Known, tell: Tell) -> None:
    """The end of a web server's turn: wait until it gets requests. The same."""
    for balancer in _balancers(access, known, tell):
        port = known.get(Key("port", machine.name))
        wait_until_back(balancer, machine, tell, (port.facts["address"] or "") if port else "")


def _balancers(access: Access, known: Known, tell: Tell) -> Iterator[Balancer]:
    """The balancers that are set up. One that restarts lets us in again first."""
    yield from load_balancers(access, known)
    for name in set_up(known):
        access.enter(name, known)
        yield access.reach(name, tell)


def load_balancers(access: Access, known: Known) -> Sequence[LoadBalancerView]:
    """The load balancer of the stack, where it has one."""
    there = any(key.kind == LoadBalancer.name for key in known)
    return load_balancer_view.of(access.connection, known) if there else ()


def set_up(known: Mapping[Key, Found]) -> list[str]:
    """The machines in front of the web servers that are set up, without those that are broken or
    off while another one serves."""
    found = {
        key.name: found
        for key, found in known.items()
        if key.kind == SERVER and Key(CONFIGURATION, key.name) in known
        if (role := ROLES.get(found.facts["role"])) and role.fronts
    }
    return [name for name, each in found.items() if not is_away(each)] or list(found)


def _listed(seen: view.View) -> str:
    return ", ".join(f"{name} is {each}" for name, each in seen.items())
