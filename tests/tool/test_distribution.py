"""Whether a project is installed as a package besides its files."""

from pathlib import Path

import pytest

from skytier.release.application import Application

BUILT = '[build-system]\nrequires = ["{name}"]\nbuild-backend = "{name}"\n'


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("", False),
        ("[project]\nname = 'shop'\n", False),
        ("[tool.poetry]\npackage-mode = true\n", False),
        (BUILT.format(name="setuptools"), True),
        (f"[tool.poetry]\npackage-mode = true\n{BUILT.format(name='poetry-core')}", True),
        (f"[tool.poetry]\npackage-mode = false\n{BUILT.format(name='poetry-core')}", False),
        (f"[tool.uv]\npackage = true\n{BUILT.format(name='hatchling')}", True),
        (f"[tool.uv]\npackage = false\n{BUILT.format(name='uv_build')}", False),
        (f"[tool.poetry.group.dev]\noptional = true\n{BUILT.format(name='poetry-core')}", True),
    ],
)
def test_what_a_project_says_of_itself(tmp_path: Path, text: str, is_one: bool) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    application = Application(tmp_path, [], "pyproject.toml", "shop:app")
    assert application.is_distribution is is_one
    assert ("distribution" in application.paths) is is_one
