"""Which files travel to a server."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.project import files, fingerprint
from skytier.project.files import listing
from tests.project.trees import write

TREE = {
    "app.py": "",
    "shop/main.py": "",
    ".env": "SECRET=1",
    ".env.production": "SECRET=1",
    ".envs/web": "SECRET=1",
    ".env.example": "SECRET=",
    ".venv/bin/python": "",
    "other/pyvenv.cfg": "",
    "other/lib/x.py": "",
    "node_modules/x/index.js": "",
    "shop/__pycache__/main.cpython-311.pyc": "",
    "old.pyc": "",
    ".mypy_cache/x": "",
    "db.sqlite3": "",
    "skytier.toml": "",
}


def names(root: Path, *without: str) -> list[str]:
    return [str(path) for path in files(root, [Path(each) for each in without])]


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_what_belongs_to_one_machine_stays_there(tmp_path: Path) -> None:
    root = write(tmp_path, TREE)

    expected = [".env.example", "app.py", "db.sqlite3", "shop/main.py"]
    assert names(root, "skytier.toml") == expected


def test_in_a_work_tree_git_decides_and_the_same_stays_there(tmp_path: Path) -> None:
    root = write(tmp_path, {**TREE, ".gitignore": "*.sqlite3\n", "gone.py": "", "new é\n.py": ""})
    git(root, "init", "-q")
    git(root, "add", "-f", "app.py", ".venv", "gone.py", "shop", "node_modules", ".env")
    git(root, "commit", "-qm", "all")
    (root / "gone.py").unlink()

    expected = [
        ".env.example",
        ".gitignore",
        "app.py",
        "new é\n.py",
        "shop/main.py",
        "skytier.toml",
    ]
    assert names(root) == expected
    left_out = listing(root).left_out
    assert {".venv", ".env", "other", "node_modules"} <= set(left_out)
    assert names(root / "shop") == ["main.py"]


def test_variables_of_a_hook_do_not_name_another_work_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path, {"a/app.py": "", "b/other.py": ""})
    git(root / "a", "init", "-q")
    git(root / "b", "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(root / "b/.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(root / "b"))
    assert names(root / "a") == ["app.py"]


def test_no_program_that_a_repository_names_is_run(tmp_path: Path) -> None:
    root = write(tmp_path, {"app.py": "", "monitor": f"#!/bin/sh\ntouch {tmp_path}/ran\n"})
    (root / "monitor").chmod(0o755)
    git(root, "init", "-q")
    git(root, "config", "core.fsmonitor", str(root / "monitor"))
    assert names(root) == ["app.py", "monitor"]
    assert not (tmp_path / "ran").exists()


def test_a_submodule_and_a_repository_within_are_listed_by_their_own_rules(tmp_path: Path) -> None:
    root = write(tmp_path, {"app.py": "", "inner/x.py": "", "inner/y": "", "inner/.gitignore": "y"})
    git(root / "inner", "init", "-q")
    git(root, "init", "-q")
    assert names(root) == ["app.py", "inner/.gitignore", "inner/x.py"]


def test_a_directory_that_git_ignores_is_listed_as_it_is(tmp_path: Path) -> None:
    root = write(tmp_path, {".gitignore": "build/", "build/app.py": ""})
    git(root, "init", "-q")
    assert names(root / "build") == ["app.py"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_a_repository_of_another_user_is_listed_by_its_rules(tmp_path: Path) -> None:
    root = write(tmp_path, {"app.py": "", ".gitignore": "secret\n", "secret": ""})
    git(root, "init", "-q")
    for path in [root, *root.rglob("*")]:
        os.chown(path, 12345, 12345, follow_symlinks=False)
    assert names(root) == [".gitignore", "app.py"]


def test_a_repository_that_git_refuses_is_not_listed_without_it(tmp_path: Path) -> None:
    root = write(tmp_path, {"app.py": "", ".git": "nonsense"})
    with pytest.raises(SkytierError, match="git cannot list the files"):
        files(root)


def test_without_git_a_repository_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path, {"app.py": "", ".git/HEAD": ""})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SkytierError, match="there is no git"):
        files(root)


def test_links_within_the_source_travel_and_others_are_named(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {"a/x.py": "", "b/y.py": ""})
    (root / "b/up").symlink_to("../a")
    (root / "loop").symlink_to("loop2")
    (root / "loop2").symlink_to("loop")
    (root / "self").symlink_to(".")
    (root / "gone").symlink_to("a/gone")
    assert names(root) == ["a/x.py", "b/up", "b/y.py", "gone", "loop", "loop2", "self"]

    (root / "out").symlink_to("../secret")
    with pytest.raises(SkytierError, match=r"^out is a link to \.\./secret, outside of"):
        files(root)
    (root / "out").unlink()
    (root / "own").symlink_to(root / "a")
    with pytest.raises(SkytierError, match=r"own is a link to .*, a path of this machine only"):
        files(root)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_special_file_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(tmp_path, {"app.py": ""}))
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "pipe":
            os.mkfifo("special")
        else:
            listener.bind("special")
        with pytest.raises(SkytierError, match=f"special is no file: it is a {kind}"):
            files(tmp_path)


def test_a_source_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SkytierError, match="There is no directory"):
        files(tmp_path / "none")


def test_a_name_that_is_no_text_is_a_name(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.txt", "wb"):  # noqa: PTH123
        pass
    found = files(tmp_path)
    assert [os.fsencode(path) for path in found] == [b"\xff.txt"]
    assert fingerprint(tmp_path, found).startswith("sha256:")


def test_the_fingerprint_is_of_names_contents_programs_and_links(tmp_path: Path) -> None:
    root = write(tmp_path, {"a": "1", "b": "2"})
    seen = [fingerprint(root, files(root))]
    os.utime(root / "a", (1, 1))
    (root / "a").chmod(0o600)
    assert fingerprint(root, files(root)) == seen[0]

    def changes() -> None:
        seen.append(fingerprint(root, files(root)))
        assert len(set(seen)) == len(seen)

    (root / "a").chmod(0o755)
    changes()
    (root / "a").write_text("3")
    changes()
    (root / "b").rename(root / "c")
    changes()
    (root / "d").symlink_to("a")
    changes()
    (root / "d").unlink()
    (root / "d").symlink_to("c")
    changes()
    (root / "d").unlink()
    (root / "d").write_text("c")
    changes()
