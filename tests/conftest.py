"""Real stacks for the tests, run by the command that an operator runs."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.skytier_command import Skytier


@pytest.fixture(scope="session")
def make_skytier() -> Iterator[Callable[[], Skytier]]:
    """Makes homes in a short path that other users can pass; what runs in them ends at last."""
    root = Path(tempfile.mkdtemp(prefix="sky"))
    root.chmod(0o711)
    made: list[Skytier] = []

    def make() -> Skytier:
        made.append(Skytier(root / str(len(made))))
        return made[-1]

    yield make
    for skytier in made:
        if skytier.home.exists():
            skytier.start("down", "--purge", "--yes").communicate(timeout=120)
    shutil.rmtree(root)
