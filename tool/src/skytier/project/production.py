"""What of a project should not go into production."""

from collections.abc import Collection, Mapping

from skytier.project import django, doubts
from skytier.project.tree import Tree


def warnings(tree: Tree, env: Mapping[str, str], secrets: Collection[str] = ()) -> list[str]:
    """Settings that show source code or secrets to visitors.

    `env` are the variables that the application gets, and `secrets` the names of secret ones.
    """
    given = {*env, *secrets}
    settings = django.settings_of(tree, django.recognise(tree, frozenset(), env))
    if settings:
        return list(doubts.of_production(settings, given))
    return list(doubts.of_modules_in_production(tree, given))
