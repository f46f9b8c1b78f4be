"""Figures for bills and advice, which go on without them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from skytier.errors import SkytierError
from skytier.metrics.prometheus import Prometheus
from skytier.metrics.source import Source
from skytier.openstack.stack import CloudStack
from skytier.openstack.watching.view import prometheus

_Answer = TypeVar("_Answer")


def ask(
    stack: CloudStack, url: str | None, question: Callable[[Source], _Answer]
) -> tuple[_Answer | None, str]:
    """The answer of the Prometheus at a URL, without one of the stack's own monitor.

    None where it cannot be asked, and why.
    """
    try:
        with _source(stack, url) as source:
            return question(source), ""
    except SkytierError as error:
        return None, error.what


@contextmanager
def _source(stack: CloudStack, url: str | None) -> Iterator[Source]:
    if url:
        yield Prometheus(url)
        return
    with prometheus(stack) as found:
        yield found
