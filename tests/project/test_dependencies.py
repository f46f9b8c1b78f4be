"""Which file pins the packages, and the names in it."""

from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.project.dependencies import choose, names
from skytier.project.files import listing
from skytier.project.python_version import python_wanted
from skytier.project.tree import Tree
from tests.project.trees import write

PYPROJECT = """\
[project]
name = "x"
dependencies = ["A_b.C>=1", "d[e] @ https://example.org/d.whl ; python_version > '3'"]
"""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"uv.lock": ""}, "uv.lock"),
        ({"poetry.lock": "", "pyproject.toml": PYPROJECT}, "poetry.lock"),
        ({"Pipfile": "", "Pipfile.lock": ""}, "Pipfile.lock"),
        ({"pylock.toml": ""}, "pylock.toml"),
        ({"pylock.web.toml": ""}, "pylock.web.toml"),
        ({"requirements.txt": "", "pyproject.toml": PYPROJECT}, "requirements.txt"),
        ({"pyproject.toml": PYPROJECT}, "pyproject.toml"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\npython = '3'"}, "pyproject.toml"),
        ({"pyproject.toml": "[tool.ruff]"}, None),
        ({"app.py": ""}, None),
    ],
)
def test_the_one_file_that_pins_the_packages_is_taken(
    files: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    write(tmp_path, files)
    assert choose(Tree(tmp_path, listing(tmp_path))) == expected


def test_two_locks_are_named_and_the_operator_chooses(tmp_path: Path) -> None:
    write(tmp_path, {"uv.lock": "", "requirements.txt": "", "pylock.toml": ""})
    found = Tree(tmp_path, listing(tmp_path))
    with pytest.raises(SkytierError) as raised:
        choose(found)
    assert raised.value.what == "Packages are pinned in uv.lock, pylock.toml and requirements.txt."
    assert raised.value.do
    assert 'dependencies = "uv.lock"' in raised.value.do
    assert choose(found, "requirements.txt") == "requirements.txt"
    with pytest.raises(SkytierError, match="there is no such file"):
        choose(found, "poetry.lock")


def test_a_file_of_another_kind_cannot_be_chosen(tmp_path: Path) -> None:
    write(tmp_path, {"environment.yml": ""})
    with pytest.raises(SkytierError, match="this kind of file cannot be read"):
        choose(Tree(tmp_path, listing(tmp_path)), "environment.yml")


def test_a_pipfile_without_its_lock_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"Pipfile": ""})
    with pytest.raises(SkytierError, match=r"no Pipfile\.lock"):
        choose(Tree(tmp_path, listing(tmp_path)))


def test_names_are_normalised(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": PYPROJECT})
    assert names(Tree(tmp_path, listing(tmp_path)), "pyproject.toml") == {"a-b-c", "d"}


REQUIREMENTS = """\
# flask is a comment
Django == 5.2  # web
psycopg[binary]>=3,!=3.1 ; python_version >= "3.8" --hash=sha256:aa \\
    --hash=sha256:bb
-i https://example.org/simple
--extra-index-url=https://example.org/simple
-e .
-e git+https://example.org/x.git#egg=Some_Thing
name @ git+https://example.org/name.git@v1
https://example.org/wheels/Other_pkg-1.0-py3-none-any.whl
./local/package
git+https://example.org/unnamed.git
-r more/web.txt
--requirement=more/web.txt
-c constraints.txt
"""


def test_requirements_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    more = {
        "more/web.txt": "\ufeffgunicorn\r\n-r ../requirements.txt\r\n",
        "constraints.txt": "x==1",
    }
    write(tmp_path, {"requirements.txt": REQUIREMENTS, **more})
    found = names(Tree(tmp_path, listing(tmp_path)), "requirements.txt")
    assert found == {"django", "psycopg", "some-thing", "name", "other-pkg", "gunicorn"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("flask\n\nnot a name!\n", "requirements.txt, line 3: 'not a name!' is no requirement"),
        ("-r ../outside.txt", "line 1: ../outside.txt is not among the files"),
        ("-r /etc/passwd", "line 1: /etc/passwd is not among the files"),
        ("x" * 20_000, "line 1 is too long"),
    ],
)
def test_a_line_that_pip_would_refuse_is_named(text: str, error: str, tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": text})
    with pytest.raises(SkytierError, match=error):
        names(Tree(tmp_path, listing(tmp_path)), "requirements.txt")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({".python-version": "3.12\n"}, "==3.12.*"),
        ({".python-version": "# ours\ncpython-3.12.4\n3.11\n"}, "~=3.12.4"),
        ({".python-version": "3.13-dev"}, "==3.13.*"),
        ({".python-version": "3.12", "runtime.txt": "python-3.11.2"}, "==3.12.*"),
        ({"runtime.txt": "python-3.11.2"}, "~=3.11.2"),
        ({".tool-versions": "nodejs 20\npython 3.11\n"}, "==3.11.*"),
        ({"pyproject.toml": '[project]\nrequires-python = ">= 3.11, <4"'}, "<4,>=3.11"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"'}, "<4,>=3.11"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "~3.11"'}, "<3.12,>=3.11"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "3.11 || ^3.12"'}, "<4,>=3.12"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "3.11.*"'}, "==3.11.*"),
        ({"Pipfile.lock": '{"_meta": {"requires": {"python_version": "3.9"}}}'}, "==3.9.*"),
        ({"app.py": ""}, None),
        ({".python-version": "# none\n"}, None),
    ],
)
def test_the_python_that_a_project_wants(
    files: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    write(tmp_path, files)
    found = python_wanted(Tree(tmp_path, listing(tmp_path)))
    assert (found and str(found.specifier)) == expected


@pytest.mark.parametrize(
    "name",
    [
        ".python_version",
        "python-version",
        ".python-versions",
        ".pythonversion",
        ".pyhton-version",
        ".python-verison",
        ".python-version.txt",
        ".Python-Version",
    ],
)
def test_a_misspelled_python_version_is_named(name: str, tmp_path: Path) -> None:
    write(tmp_path, {name: "3.12"})
    with pytest.raises(SkytierError, match="is misspelled") as raised:
        python_wanted(Tree(tmp_path, listing(tmp_path)))
    assert raised.value.do == "Rename it to .python-version."


@pytest.mark.parametrize(
    "name", ["python_version.py", "version.txt", "shop/.python_version", "pylock.toml"]
)
def test_other_names_are_no_misspelling(name: str, tmp_path: Path) -> None:
    write(tmp_path, {name: ""})
    assert python_wanted(Tree(tmp_path, listing(tmp_path))) is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".python-version", "3,12"),
        (".python-version", "pypy3.10-7.3"),
        (".python-version", "3." + "9" * 5000),
        ("runtime.txt", "python 3.11"),
        ("pyproject.toml", '[project]\nrequires-python = "three"'),
        ("pyproject.toml", f'[project]\nrequires-python = ">={"9" * 5000}"'),
    ],
)
def test_what_no_python_is_named_by_is_an_error(file: str, text: str, tmp_path: Path) -> None:
    write(tmp_path, {file: text})
    with pytest.raises(SkytierError, match=f"{file}: .* is no version of Python"):
        python_wanted(Tree(tmp_path, listing(tmp_path)))


def test_a_lock_of_poetry_without_groups_is_read_from_what_the_project_needs(
    tmp_path: Path,
) -> None:
    lock = "\n".join(
        f'[[package]]\nname = "{name}"\n[package.dependencies]\n{needs}'
        for name, needs in (
            ("a", 'b = "*"\nz = {version = "1", optional = true}'),
            ("b", 'a = "*"'),
            ("pytest", 'c = "*"'),
            ("c", ""),
        )
    )
    pyproject = (
        '[tool.poetry.dependencies]\npython = "^3.11"\na = "1"\n'
        'x = {version = "1", optional = true}'
    )
    write(tmp_path, {"poetry.lock": lock, "pyproject.toml": pyproject})
    assert names(Tree(tmp_path, listing(tmp_path)), "poetry.lock") == {"a", "b"}
