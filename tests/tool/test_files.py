"""Small files: written at once, and fingerprinted."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skytier import files


def test_a_file_is_written_with_its_mode_and_only_when_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    assert files.write(path, "one", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not files.write(path, "one", 0o600)
    assert files.write(path, "two", 0o600)
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_many_writers_of_one_file_are_in_nobodys_way(tmp_path: Path) -> None:
    path, together = tmp_path / "known_hosts", threading.Barrier(6, timeout=60)
    texts = [f"{writer} " * 2000 for writer in range(6)]

    def write(text: str) -> None:
        together.wait()
        for turn in range(40):
            files.write(path, text[turn:], 0o600)
            assert path.stat().st_mode & 0o777 == 0o600
            # Whole, whoever's it is.
            now = path.read_text()
            assert any(each.endswith(now) for each in texts)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, texts))
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.write(tmp_path / "taken", "text")
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_a_new_directory_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "data"

    with files.new_directory(path) as new:
        (new / "one").write_text("1")
        assert not path.exists()

    assert [each.name for each in tmp_path.iterdir()] == ["data"]
    assert (path / "one").read_text() == "1"


def test_a_directory_that_cannot_be_filled_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with files.new_directory(tmp_path / "data") as new:
            (new / "one").write_text("1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fill()
    assert not list(tmp_path.iterdir())


def test_another_release_has_another_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("one")
    first = files.tree_fingerprint(tmp_path)

    (tmp_path / "main.pyc").write_text("compiled")
    assert files.tree_fingerprint(tmp_path) == first
    (tmp_path / "main.py").write_text("two")
    second = files.tree_fingerprint(tmp_path)
    (tmp_path / "main.py").rename(tmp_path / "app.py")

    assert len({first, second, files.tree_fingerprint(tmp_path)}) == 3


def test_texts_do_not_run_into_one_another() -> None:
    assert files.fingerprint("ab", "c") != files.fingerprint("a", "bc")


def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert files.last_lines(path, 2) == ""

    path.write_text("".join(f"{number}\n" for number in range(100_000)))
    assert files.last_lines(path, 2) == "99998\n99999"
