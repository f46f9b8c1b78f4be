"""The options of servers that a project's command may start."""

from collections.abc import Mapping
from dataclasses import dataclass, field


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Server:
    """How a server's command line is read. An option that is not here changes what is served."""

    asgi: bool
    object: str
    """The name of the object where the command names only a module."""
    addresses: frozenset[str]
    """Options with a value for the address, the process and its logs, which say nothing here."""
    tuning: frozenset[str]
    """Options with a value for how it works, which the set-up of a machine decides."""
    switches: frozenset[str] = frozenset()
    """The same without a value."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """Short options by their long name."""


SERVERS = {
    "gunicorn": Server(
        asgi=False,
        object="application",
        addresses=_words(
            "-b --bind -n --name -p --pid -u --user -g --group -m --umask --worker-tmp-dir"
            " --access-logfile --access-logformat --log-file --error-logfile --log-level"
            " --forwarded-allow-ips"
        ),
        tuning=_words(
            "-w --workers --threads -t --timeout --graceful-timeout --keep-alive --max-requests"
            " --max-requests-jitter --worker-connections --backlog -c --config"
        ),
        switches=_words("--preload --capture-output --reuse-port --no-sendfile"),
        meanings={"-k": "--worker-class"},
    ),
    "uvicorn": Server(
        asgi=True,
        object="app",
        addresses=_words("--host --port --uds --fd --log-level --log-config --forwarded-allow-ips"),
        tuning=_words(
            "--workers --loop --http --ws --timeout-keep-alive --timeout-graceful-shutdown"
            " --limit-concurrency --limit-max-requests --backlog --lifespan --reload-dir"
        ),
        switches=_words(
            "--proxy-headers --no-proxy-headers --access-log --no-access-log --reload"
            " --server-header --no-server-header --date-header --no-date-header"
            " --use-colors --no-use-colors"
        ),
    ),
    "daphne": Server(
        asgi=True,
        object="application",
        addresses=_words("-b --bind -p --port -u --unix-socket --access-log -v --verbosity"),
        tuning=_words("-t --http-timeout --websocket_timeout --ping-interval --ping-timeout"),
        switches=_words("--proxy-headers"),
    ),
    "hypercorn": Server(
        asgi=True,
        object="app",
        addresses=_words("-b --bind --access-logfile --error-logfile --log-level"),
        tuning=_words("-w --workers -k --worker-class --graceful-timeout --keep-alive"),
    ),
    "waitress-serve": Server(
        asgi=False,
        object="app",
        addresses=_words("--listen --host --port --unix-socket --trusted-proxy"),
        tuning=_words("--threads"),
    ),
}
