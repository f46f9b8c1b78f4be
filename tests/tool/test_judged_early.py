"""What a command line says wrong is told before a cloud is asked, and before hours of work."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from skytier.cli import app, chosen
from skytier.cli.output import writable
from skytier.errors import SkytierError

STACK = 'cloud = "mycloud"\n[backup]\nkind = "path"\npath = "/mnt/backups"\n'


@pytest.fixture(autouse=True)
def no_cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stack file, in a directory where no cloud may be asked."""

    def asked(*_: object) -> None:
        raise AssertionError("a cloud was asked")

    monkeypatch.setattr(chosen, "cloud_stack", asked)
    monkeypatch.setattr(chosen, "backend", asked)
    (tmp_path / "skytier.toml").write_text(STACK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SKYTIER_CLOUD", raising=False)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("restore --to yesterday", "'yesterday' is no backup, and no time with a zone"),
        ("restore --to 2026-03-01T12:30:00", "no time with a zone"),
        ("restore --to 2026-13-01T12:30:00Z", "is not a time"),
        ("restore --to latest --from second", "names no place 'second' for backups"),
        ("restore --to yesterday --into copy", "no time with a zone"),
        ("rehearse --from third", "names no place 'third' for backups"),
        ("report --from yesterday", "'yesterday' is not a time"),
    ],
)
def test_a_word_with_no_meaning_is_refused(command: str, said: str) -> None:
    found = CliRunner().invoke(app, command.split()).exception
    assert isinstance(found, SkytierError)
    assert said in found.what


@pytest.mark.parametrize(
    "command",
    [
        "rehearse --html",
        "report --output",
        "metrics export --output",
        "cost report --output",
        "database export",
    ],
)
@pytest.mark.parametrize(
    ("path", "said"),
    [("nowhere/file", "There is no directory nowhere"), (".", "is a directory: name a file")],
)
def test_a_file_that_cannot_be_written_is_refused(command: str, path: str, said: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), path], env={"COLUMNS": "200"})
    assert done.exit_code == 64
    assert said in done.output


@pytest.mark.parametrize(
    "command", ["restore --to -90m", "restore --to 20260301-030000F", "rehearse --html page.html"]
)
def test_what_has_a_meaning_goes_on_to_the_cloud(command: str) -> None:
    found = CliRunner().invoke(app, command.split()).exception
    assert isinstance(found, AssertionError)


def test_a_file_beside_a_directory_that_nobody_may_write_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert writable(tmp_path / "new") == tmp_path / "new"
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(typer.BadParameter, match="permission denied"):
        writable(tmp_path / "new")
