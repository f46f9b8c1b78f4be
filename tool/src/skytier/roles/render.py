"""Rendering of the configuration files that the roles bring along."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(role: str, template: str, **values: object) -> str:
    """The text of `roles/<role>/templates/<template>.j2`; a value that is not given is an error."""
    environment = Environment(
        loader=PackageLoader(f"skytier.roles.{role}"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # These are configuration files, not HTML.
        autoescape=False,  # noqa: S701
    )
    return environment.get_template(f"{template}.j2").render(**values)
