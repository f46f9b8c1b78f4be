"""Whether Patroni is paused, asked on one machine together with other questions."""

from skytier.render import render
from skytier.services.patroni.service import CONFIG, ETC, HOME

_WORD = "patroni-paused"
QUESTION = render(
    "skytier.services.patroni", "pause.sh", config=CONFIG, etc=ETC, home=HOME, word=_WORD
)
"""In bash, as root. On a machine without Patroni it says nothing."""


def read(said: str) -> bool:
    """The answer, among others."""
    return _WORD in said.splitlines()
