"""What of a release's static files is sent to a container, how, and what of it is pruned."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from skytier.cli.static import _show
from skytier.errors import SkytierError
from skytier.openstack.commands.static import Intended
from skytier.release import static
from skytier.release.archive import pack
from skytier.release.build import Tree
from skytier.release.ship import KEPT
from skytier.release.static import LIST, Push, Uses
from skytier.services.nginx.static import AT_CDN, IMMUTABLE

HASHED, ROBOTS = "static/page.0123456789ab.css", "static/robots.txt"


def written(directory: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


class Store:
    """A container as it is after each push."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.there, self.uses = directory, dict[str, str](), Uses()

    def push(self, release: str, files: Mapping[str, str], *serving: str) -> Push:
        made = static.read(written(self.directory / release, files))
        done = static.plan(release, made, self.there, self.uses, serving)
        self.there |= {each.name: each.md5 for each in done.to_send}
        self.uses = Uses.parse(done.uses.text)
        self.there[LIST] = "of the list"
        return done


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def names(files: object) -> list[str]:
    assert isinstance(files, list)
    return [each.name for each in files]


def test_only_what_is_new_or_changed_is_sent_and_what_never_changes_comes_first(
    store: Store,
) -> None:
    first = store.push("1", {ROBOTS: "all", HASHED: "a {}"})
    assert names(first.to_send) == [HASHED, ROBOTS]
    again = store.push("1", {})
    assert (again.to_send, again.bytes, names(again.same)) == ([], 0, [HASHED, ROBOTS])
    other = store.push("2", {ROBOTS: "none", HASHED: "a {}", "static/new.js": "1"})
    assert (names(other.new), names(other.changed)) == (["static/new.js"], [ROBOTS])
    assert other.bytes == len("none1")


def test_what_was_sent_with_other_headers_is_sent_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.push("1", {ROBOTS: "all", HASHED: "a {}"})
    monkeypatch.setattr("skytier.services.nginx.static.AT_CDN", "no-cache")
    assert names(store.push("1", {}).changed) == [ROBOTS]


@pytest.mark.parametrize(
    ("name", "type_", "kept"),
    [
        (HASHED, "text/css; charset=utf-8", IMMUTABLE),
        (
            "static/vendor/uplot-1.6.32/uPlot.iife.min.js",
            "text/javascript; charset=utf-8",
            IMMUTABLE,
        ),
        ("static/0123456789ab/icon.SVG", "image/svg+xml", IMMUTABLE),
        (ROBOTS, "text/plain; charset=utf-8", AT_CDN),
        ("static/fonts/a.woff2", "font/woff2", AT_CDN),
        ("static/LICENSE", "application/octet-stream", AT_CDN),
        ("static/index.html", "text/html; charset=utf-8", AT_CDN),
    ],
)
def test_each_file_has_the_headers_that_nginx_gives_it(
    tmp_path: Path, name: str, type_: str, kept: str
) -> None:
    [file] = static.read(written(tmp_path, {name: ""}))
    assert file.headers == {"Content-Type": type_, "Cache-Control": kept}


@pytest.mark.parametrize("name", [b"\xe9t\xe9.css", b"/".join([b"d" * 200] * 6)])
def test_a_file_whose_name_no_object_can_have_is_named(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with pytest.raises(SkytierError, match=r"static file '.+' cannot be sent") as refused:
        static.read(tmp_path)
    # It can be shown wherever it is read.
    assert refused.value.what.isascii()


def test_what_the_releases_used_last_use_is_not_pruned(store: Store) -> None:
    for number in range(1, KEPT + 3):
        done = store.push(str(number), {f"static/{number}.js": "", ROBOTS: "all"}, "1")
    # The first one still serves.
    assert done.unused == ["static/2.js"]
    assert store.push("8", {ROBOTS: "all"}).unused == [f"static/{n}.js" for n in (1, 2, 3)]
    # A rollback leads to the fourth one.
    store.uses = store.uses.used("4")
    assert store.push("9", {ROBOTS: "all"}).unused == [f"static/{n}.js" for n in (1, 2, 3, 5)]


def test_what_no_release_had_is_pruned_and_the_list_is_not(store: Store) -> None:
    store.push("1", {ROBOTS: "all"})
    store.there["static/stray.js"] = "?"
    assert store.push("2", {ROBOTS: "all"}).unused == ["static/stray.js"]


def test_nothing_is_pruned_where_the_list_is_lost_or_does_not_have_what_serves(
    store: Store,
) -> None:
    store.push("1", {ROBOTS: "all", HASHED: ""})
    assert store.push("2", {ROBOTS: "all"}, "of before").unused == []
    store.uses = Uses.parse("{ no list")
    assert store.push("3", {ROBOTS: "all"}).unused == []


def test_after_the_list_was_lost_what_was_there_stays_for_as_many_releases_as_are_kept(
    store: Store,
) -> None:
    store.push("1", {ROBOTS: "all", HASHED: ""})
    store.uses = Uses.parse("")
    for number in range(2, 2 + KEPT - 1):
        assert store.push(str(number), {ROBOTS: "all"}, str(number)).unused == []
    assert store.push("last", {ROBOTS: "all"}, "last").unused == [HASHED]


def test_the_list_which_everybody_can_read_names_no_file_and_no_release(store: Store) -> None:
    store.push("0.1.0-3f2a9c81d0e4", {ROBOTS: "all"})
    assert "robots" not in store.uses.text
    assert "3f2a9c81d0e4" not in store.uses.text


def test_each_name_is_shown_on_a_line_of_its_own(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    push = store.push("1", {"static/ü [b].css": "", "static/two\nlines.css": "", ROBOTS: "all"})
    _show(Intended(push, "assets", "https://o.example.org"), ["static/\x1b[2J"], with_names=True)
    assert capsys.readouterr().out.splitlines() == [
        "3 files of the release 1: 3 new, 0 changed, 0 as they are; 3 B to send to assets.",
        f"+ {ROBOTS}",
        "+ 'static/two\\nlines.css'",
        "+ static/ü [b].css",
        "- 'static/\\x1b[2J'",
    ]


def test_the_static_files_are_taken_out_of_a_built_release_alone(tmp_path: Path) -> None:
    tree = written(tmp_path / "tree", {f"static/{ROBOTS}": "all", "app/main.py": "secret"})
    pack(tree, tmp_path / "archive")
    there = Tree("r", tmp_path / "archive", "").unpack_part("static", tmp_path / "out")
    assert names(static.read(there)) == [ROBOTS]
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["static"]
