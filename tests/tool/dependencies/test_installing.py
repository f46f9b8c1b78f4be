"""Packages are installed for the target: the same tree each time, and nothing of this machine."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.release.platform import Platform
from skytier.release.wheels import install
from tests.tool.dependencies.packages import sdist, wheel

DEBIAN = Platform("3.11", "x86_64", 36)
ARM = Platform("3.13", "aarch64", 31)
OTHER_HASH = "sha256:" + "0123456789abcdef" * 4


def tree(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_the_wheel_is_the_target_s(index: Path, tmp_path: Path) -> None:
    own = f"cp{sys.version_info.major}{sys.version_info.minor}"
    wheel(index, "alpha", tag="cp313-cp313-manylinux_2_28_aarch64")
    wheel(index, "alpha", tag="cp313-cp313-manylinux_2_34_aarch64")
    wheel(index, "alpha", tag=f"{own}-{own}-manylinux_2_28_x86_64")
    wheel(index, "alpha", tag=f"{own}-{own}-linux_x86_64")

    install("alpha==1.0\n", ARM, tmp_path / "lib")

    assert "cp313-cp313-manylinux_2_28_aarch64" in (tmp_path / "lib/alpha.py").read_text()


def test_the_same_pins_give_the_same_tree_without_a_trace_of_this_machine(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = wheel(index, "alpha", command="alpha-command")
    beta = sdist(index, "beta")
    pins = f"alpha==1.0 --hash={alpha}\nbeta==1.0 --hash={beta}\n"

    install(pins, DEBIAN, tmp_path / "one/lib")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another cache"))
    install(pins, DEBIAN, tmp_path / "two lib")

    assert tree(tmp_path / "one/lib") == tree(tmp_path / "two lib")
    assert {"alpha.py", "beta.py", "bin/alpha-command"} <= tree(tmp_path / "two lib").keys()
    for path in (tmp_path / "one/lib").rglob("*"):
        assert path.name not in ("__pycache__", "direct_url.json", "uv_cache.json", ".lock")
        if path.is_file():
            content = path.read_bytes()
            assert not [each for each in (tmp_path, sys.prefix) if os.fsencode(each) in content]


def test_a_command_runs_by_the_python_that_is_named(index: Path, tmp_path: Path) -> None:
    wheel(index, "alpha", command="alpha-command")
    library = tmp_path / ("a long directory with spaces " * 8) / "lib"

    install("alpha==1.0\n", DEBIAN, library)

    environment = {"PATH": os.defpath, "PYTHONPATH": str(library), "SKYTIER_PYTHON": sys.executable}
    command = [str(library / "bin/alpha-command")]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "alpha\n"


def test_a_source_of_python_alone_is_built_and_taken(index: Path, tmp_path: Path) -> None:
    beta = sdist(index, "beta")

    install(f"beta==1.0 --hash={beta}\n", ARM, tmp_path / "lib")

    assert "BUILT" in (tmp_path / "lib/beta.py").read_text()


@pytest.mark.parametrize("tag", ["cp313-cp313-win_amd64", "cp39-cp39-manylinux_2_17_aarch64"])
@pytest.mark.parametrize("source", [True, False])
def test_a_package_with_wheels_for_others_is_compiled_and_not_built(
    tag: str, source: bool, index: Path, tmp_path: Path
) -> None:
    wheel(index, "beta", tag=tag)
    if source:
        sdist(index, "beta", failure="it was built")

    with pytest.raises(SkytierError, match=r"beta 1\.0 holds compiled code"):
        install("beta==1.0\n", ARM, tmp_path / "lib")


def test_every_package_that_cannot_be_had_is_named_in_one_error(
    index: Path, tmp_path: Path
) -> None:
    wheel(index, "alpha")
    sdist(index, "compiled", "1.2", "cp311-cp311-linux_x86_64")
    sdist(index, "failing", "1.3", failure="no compiler here")
    sdist(index, "psycopg2", "2.9.10")
    pins = "alpha==1.0\ncompiled==1.2\nfailing==1.3\npsycopg2==2.9.10\n"

    with pytest.raises(SkytierError) as refused:
        install(pins, DEBIAN, tmp_path / "lib")

    what = refused.value.what.splitlines()
    machine = "Python 3.11 on x86_64 with glibc 2.36"
    assert what[0] == f"compiled 1.2 holds compiled code, and has no wheel for {machine}."
    assert what[1] == (
        "failing 1.3 has no wheel for the machine, and its source could not be built: "
        "no compiler here"
    )
    assert what[2] == f"psycopg2 2.9.10 holds compiled code, and has no wheel for {machine}."
    assert refused.value.do
    assert "change psycopg2==2.9.10 to psycopg2-binary==2.9.10." in refused.value.do


@pytest.mark.parametrize("make", [wheel, sdist])
def test_a_wrong_hash_is_refused(make: object, index: Path, tmp_path: Path) -> None:
    make(index, "alpha")  # type: ignore[operator]

    with pytest.raises(SkytierError) as refused:
        install(f"alpha==1.0 --hash={OTHER_HASH}\n", DEBIAN, tmp_path / "lib")

    assert "alpha 1.0 has another hash than the one that is pinned" in refused.value.what
    assert not (tmp_path / "lib/alpha.py").exists()


@pytest.mark.parametrize("pin", ["no-such-package==1.0", "alpha==9.9"])
def test_a_package_or_version_that_does_not_exist_is_named(
    pin: str, index: Path, tmp_path: Path
) -> None:
    wheel(index, "alpha")

    with pytest.raises(
        SkytierError, match=r"is in no package index|9\.9 does not exist"
    ) as refused:
        install(f"{pin}\n", DEBIAN, tmp_path / "lib")

    assert pin.partition("=")[0] in refused.value.what
    assert len(refused.value.what.splitlines()) == 2


def test_an_index_that_does_not_answer_is_named(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    with pytest.raises(
        SkytierError, match=r"127\.0\.0\.1:9/simple/alpha/ cannot be fetched: .*refused"
    ):
        install("alpha==1.0\n", DEBIAN, tmp_path / "lib")
