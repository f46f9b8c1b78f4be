"""The commands: each says what it does in --help, with an example."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from devcloud import cloud, home, images, preflight, recipe, second, services
from devcloud.errors import DevcloudError
from devcloud.extras import Extras
from devcloud.stage import say

NOT_HEALTHY = 3
DEBUG = "DEVCLOUD_DEBUG"


def main(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names. Returns the exit code."""
    name, *rest = arguments
    try:
        return COMMANDS[name](rest)
    except DevcloudError as error:
        sys.stderr.write(f"Error: {error.what}\n" + (f"{error.do}\n" if error.do else ""))
        return 1
    except Exception as error:
        # The SDK's errors among them, which is not there to be imported before the packages are.
        if DEBUG in os.environ:
            raise
        sys.stderr.write(f"Error: {type(error).__name__}: {error}\n{DEBUG}=1 shows where.\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. Run the same again to go on.\n")
        return 130


def _parser(name: str, does: str, example: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"devcloud/{name}",
        description=does,
        epilog=f"Example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _up(arguments: list[str]) -> int:
    parser = _parser(
        "up",
        "Brings up a real OpenStack on this machine. What is there already stays as it is;\n"
        "a run that was killed is continued by running it again.",
        "devcloud/up && openstack --os-cloud devcloud server list",
    )
    parser.add_argument("--no-images", action="store_true", help="leave the guests' images out")
    parser.add_argument(
        "--fake-hosts",
        action="store_true",
        help="add a host in the zone `fake` for a thousand servers that are not there",
    )
    parser.add_argument(
        "--volumes",
        action="store_true",
        help="add Cinder, with Ceph to keep the volumes; from then on every `up` brings them",
    )
    parser.add_argument(
        "--objects",
        action="store_true",
        help="add an object store (Swift's API and S3), and volumes, whose Ceph keeps its objects",
    )
    parser.add_argument(
        "--load-balancers",
        action="store_true",
        help="add Octavia, and the fake host, where its amphorae are; they carry no traffic",
    )
    parser.add_argument(
        "--amphorae",
        action="store_true",
        help="add Octavia with amphorae that are emulated guests: slow, and they carry traffic",
    )
    options = parser.parse_args(arguments)
    extras = Extras(options.volumes, options.objects, options.load_balancers, options.amphorae)
    cloud.up(not options.no_images, options.fake_hosts, extras)
    return 0


def _down(arguments: list[str]) -> int:
    parser = _parser(
        "down",
        "Stops everything and removes its bridges, namespaces, routes and firewall rules.\n"
        "Data stays: devcloud/up brings back projects, networks and servers, these shut off.",
        "devcloud/down --purge",
    )
    parser.add_argument(
        "--purge",
        action="store_true",
        help="delete all data too, and the packages that `up` installed with their configuration",
    )
    options = parser.parse_args(arguments)
    preflight.require_root()
    cloud.down(options.purge)
    return 0


def _status(arguments: list[str]) -> int:
    parser = _parser(
        "status",
        f"Shows each service and whether it answers. Exits with {NOT_HEALTHY} when one does not.",
        "devcloud/status --json",
    )
    parser.add_argument("--json", action="store_true", help="for scripts")
    options = parser.parse_args(arguments)
    preflight.require_root()
    found = cloud.status()
    if options.json:
        say(json.dumps(asdict(found), indent=2))
    else:
        for name, state in found.services.items():
            answer = ""
            if name in found.answers:
                answer = "answers" if found.answers[name] else "DOES NOT ANSWER"
            say(f"{name:<28}{state:<44}{answer}".rstrip())
        memory = found.memory_mib
        say(f"\nMemory: services {memory['control_plane']} MiB, guests {memory['guests']} MiB")
    return 0 if found.healthy else NOT_HEALTHY


def _logs(arguments: list[str]) -> int:
    names = [service.name for service in (*services.ALL, *services.OPTIONAL)]
    parser = _parser(
        "logs",
        "Shows the end of a service's log. The services: " + ", ".join(names) + ".",
        "devcloud/logs nova-compute --follow",
    )
    parser.add_argument("service", metavar="SERVICE", choices=names)
    parser.add_argument("-f", "--follow", action="store_true", help="go on as it grows")
    parser.add_argument("-n", "--lines", type=int, default=50, help="how many, 50 if not given")
    options = parser.parse_args(arguments)
    log = home.LOGS / f"{options.service}.log"
    if not log.exists():
        raise DevcloudError(f"{options.service} has no log yet.", "Run devcloud/up first.")
    follow = ["--follow=name"] if options.follow else []
    os.execvp("tail", ["tail", f"--lines={options.lines}", *follow, str(log)])


def _image(arguments: list[str]) -> int:
    parser = _parser(
        "image",
        "Builds the guests' images debian-12 and debian-12-skytier, or those of another system,\n"
        "and gives them to Glance. What was built of the same recipe is used again.",
        "devcloud/image debian-13",
    )
    parser.add_argument(
        "system",
        nargs="?",
        choices=list(recipe.SYSTEMS),
        default=recipe.DEBIAN_12.name,
        help="debian-12 if not given",
    )
    parser.add_argument("--rebuild", action="store_true", help="build anew, with today's packages")
    parser.add_argument("--build-only", action="store_true", help="do not ask for a running cloud")
    parser.add_argument(
        "--project", metavar="ID", help="give them to this project; no other one sees them"
    )
    options = parser.parse_args(arguments)
    preflight.require_root()
    system, upload = recipe.SYSTEMS[options.system], not options.build_only
    images.main(system, options.rebuild, upload, options.project)
    return 0


def _second(arguments: list[str]) -> int:
    parser = _parser(
        "second",
        "A second and newer OpenStack beside the first one, from the packages of Debian 13, in a\n"
        "container. No guest boots there: its servers are those of Nova's fake driver. The\n"
        "commands are those of the first one, with the same options for status and logs.",
        "devcloud/second up",
    )
    parser.add_argument("command", choices=["up", "down", "status", "logs"])
    parser.add_argument("--purge", action="store_true", help="with down: delete all of it")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command in ("up", "down"):
        parser.error(f"{options.command} does not know {' '.join(rest)}")
    preflight.require_root()
    if options.command == "up":
        return second.up()
    if options.command == "down":
        return second.down(options.purge)
    return second.ask(options.command, rest)


def _packages(arguments: list[str]) -> int:
    parser = _parser("packages", "Installs what `up` needs, for devcloud/second.", "packages")
    parser.add_argument("--volumes", action="store_true")
    options = parser.parse_args(arguments)
    preflight.require_root()
    cloud.install(options.volumes)
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "up": _up,
    "down": _down,
    "status": _status,
    "logs": _logs,
    "image": _image,
    "second": _second,
    # Within the container of the second one.
    "packages": _packages,
}
