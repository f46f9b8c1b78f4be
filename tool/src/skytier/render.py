"""Rendering of the configuration files and scripts that come along as templates."""

import shlex
from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined

from skytier import quoting

_COMMON = PackageLoader("skytier")


def render(package: str, template: str, /, **values: object) -> str:
    """The text of a package's `templates/TEMPLATE.j2`; a value that is not given is an error.

    `common/NAME.j2` can be included in all of them.

    A text from outside is written as the file's format quotes it: `{{ value | q }}` is a word of
    bash, and `nginx`, `yaml` and `postgresql` are the filters for those files. In a bash template
    keep clear of `${#`, which begins a comment of Jinja.

    >>> text = render("skytier.services.postgresql", "pg_ident.conf", account="postgres")
    >>> text.splitlines()[-1]
    'operator  "postgres"  postgres'
    """
    return _environment(package).get_template(f"{template}.j2").render(**values)


@cache
def _environment(package: str) -> Environment:
    """Kept, and with it the templates it compiled: a stack renders each once a machine."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PrefixLoader({"common": _COMMON})]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # They come with the package: no look at the disk whether one is another by now.
        auto_reload=False,
        # These are configuration files, not HTML.
        autoescape=False,  # noqa: S701
    )
    environment.filters |= {
        "q": _quote,
        "nginx": quoting.nginx,
        "yaml": quoting.yaml,
        "postgresql": quoting.postgresql,
    }
    return environment


def _quote(value: object) -> str:
    """A value, or the items of a list, as words for a shell."""
    words = value if isinstance(value, list | tuple) else [value]
    return shlex.join(str(word) for word in words)
