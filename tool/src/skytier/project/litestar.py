"""Recognises Litestar, by the rules of the `litestar` command."""

from skytier.project.application import application, which
from skytier.project.environment import declared
from skytier.project.kinds import Kind
from skytier.project.recognised import Recognised
from skytier.project.static import mounted
from skytier.project.tree import Tree

KIND = Kind(
    framework="litestar",
    interface="asgi",
    classes=frozenset({"litestar.Litestar", "litestar.app.Litestar"}),
    word="Litestar",
    files=(
        "app.py",
        "app/__init__.py",
        "app/app.py",
        "app/main.py",
        "application.py",
        "application/__init__.py",
        "application/app.py",
    ),
    names=("app", "application"),
    factories=("create_app",),
    first=True,
)


def recognise(tree: Tree, packages: frozenset[str]) -> Recognised:
    """What Litestar needs; empty for another kind of project."""
    found = application(tree, declared(tree, KIND, "LITESTAR_APP"))
    if len(found) != 1:
        return which(tree, found) if found else Recognised()
    serves = found[0].recognised(tree).over(mounted(tree, found[0].made_in))
    return serves.over(_migrate(tree, serves, packages))


def _migrate(tree: Tree, serves: Recognised, packages: frozenset[str]) -> Recognised:
    """Advanced Alchemy's command, where there are migrations."""
    scripts = [path for path in tree.python if path.endswith("migrations/env.py")]
    if "advanced-alchemy" not in packages or not scripts or not serves.serve:
        return Recognised()
    command = f"litestar --app {serves.serve} database upgrade --no-prompt"
    return Recognised(migrate=command, because={"migrate": f"{scripts[0]} is Advanced Alchemy's."})
