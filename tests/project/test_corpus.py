"""What is recognised of whole projects: all of it, and nothing more."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from skytier.project import Recognised, recognise
from tests.project.trees import CORPUS, read, write


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_project_is_recognised_by_reading_it(path: Path, tmp_path: Path) -> None:
    expected, files = read(path)
    found = recognise(write(tmp_path, files))

    because = expected.pop("because", {})
    warnings = expected.pop("warnings", [])
    assert plain(found) == {**plain(Recognised()), **expected}
    assert {
        key: said in found.because.get(key, "") for key, said in because.items()
    } == dict.fromkeys(because, True), found.because
    assert len(found.warnings) == len(warnings), found.warnings
    for warning in warnings:
        assert any(warning in each for each in found.warnings), (warning, found.warnings)


def plain(found: Recognised) -> dict[str, Any]:
    """What was found, as the corpus has it."""
    values = asdict(found)
    del values["because"], values["warnings"]
    values["writable"] = list(values["writable"])
    values["requires"] = list(values["requires"])
    values["generated"] = list(values["generated"])
    values["variables"] = sorted(values["variables"])
    values["jobs"] = {name: [job["run"], job["at"]] for name, job in values["jobs"].items()}
    values["questions"] = {
        name: list(question["candidates"]) for name, question in values["questions"].items()
    }
    return values


def test_each_found_thing_has_a_reason(tmp_path: Path) -> None:
    for path in CORPUS:
        found = recognise(write(tmp_path / path.stem, read(path)[1]))
        single = ("serve", "run", "migrate", "collect", "health", "dependencies", "python")
        wanted = {name for name in single if getattr(found, name)}
        for name in ("static", "media", "env", "processes", "jobs", "requires"):
            wanted |= {f"{name}.{key}" for key in getattr(found, name)}
        assert wanted <= found.because.keys(), path.stem
        assert all(said.endswith(".") for said in found.because.values()), path.stem
