"""The directory of built trees does not grow without end."""

import os
import time
from pathlib import Path

from skytier.release.build import _tree
from skytier.release.trim import DAY_S, KEPT, trim


def made(directory: Path, name: str, days_ago: float) -> Path:
    path = directory / name
    path.write_text("a tree")
    at = time.time() - days_ago * DAY_S
    os.utime(path, (at, at))
    return path


def test_what_was_used_last_stays_and_so_does_all_of_the_last_day(tmp_path: Path) -> None:
    old = [made(tmp_path, f"old-{n}.tar.gz", 10 + n) for n in range(KEPT + 5)]
    trim(tmp_path)
    assert [path.exists() for path in old] == [True] * KEPT + [False] * 5

    new = [made(tmp_path, f"recent-{n}.tar.gz", 0.5) for n in range(KEPT + 5)]
    trim(tmp_path)
    assert all(path.exists() for path in new)
    assert not any(path.exists() for path in old)


def test_only_archives_and_what_a_killed_build_left_are_touched(tmp_path: Path) -> None:
    pins = [made(tmp_path, f"{n}.txt", 100) for n in range(KEPT + 5)]
    left, running = tmp_path / "new-killed", tmp_path / "new-running"
    for path in (left, running):
        (path / "tree").mkdir(parents=True)
    made(left, "archive", 3)
    os.utime(left, (0, 0))
    trim(tmp_path)
    assert all(path.exists() for path in pins)
    assert (left.exists(), running.exists()) == (False, True)
    trim(tmp_path / "nowhere")


def test_a_build_trims_and_what_it_takes_from_there_is_used(tmp_path: Path) -> None:
    again = made(tmp_path, "again.tar.gz", 1000)
    old = [made(tmp_path, f"old-{n}.tar.gz", 10 + n) for n in range(KEPT)]
    assert _tree(tmp_path, "again", lambda tree: None).archive == again
    built = _tree(tmp_path, "built", lambda tree: (tree / "file").touch())
    assert built.archive.exists()
    assert again.exists(), "it was used a moment ago"
    assert [path.exists() for path in old] == [True] * (KEPT - 2) + [False] * 2
