"""Variables that a project's own files declare for its framework's command."""

import re
from dataclasses import replace

from skytier.project.kinds import Kind
from skytier.project.tree import Tree

_FILES = (".flaskenv", ".env.example", ".env.sample", ".env.template")


def declared(tree: Tree, kind: Kind, variable: str) -> Kind:
    """A framework's rules, with what a variable like FLASK_APP names before all else."""
    for path in _FILES:
        line = re.search(rf"^(?:export )?{variable}=(.*)$", tree.text(path) or "", re.MULTILINE)
        if line:
            module, _, name = line[1].strip().strip("\"'").partition(":")
            file = tree.find(module.removesuffix(".py"), path) if module else None
            name = name.partition("(")[0]
            if file:
                return replace(
                    kind,
                    files=(file, *kind.files),
                    names=(name, *kind.names) if name else kind.names,
                    factories=(name, *kind.factories) if name else kind.factories,
                )
    return kind
