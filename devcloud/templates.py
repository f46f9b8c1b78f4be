"""Rendering of the configuration files."""

from pathlib import Path


def render(template: str, **values: object) -> str:
    """The text of `templates/<template>.j2`; a value that is not given is an error."""
    # Comes with Debian's OpenStack: not there before the packages are.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # configuration files, not HTML
    )
    return environment.get_template(f"{template}.j2").render(**values)
