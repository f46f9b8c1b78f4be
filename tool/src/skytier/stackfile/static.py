"""The keys of the section [static]: where browsers get the static files.

The text below a key is its documentation.
"""

from typing import Annotated

from pydantic import AfterValidator

from skytier.stackfile import values
from skytier.stackfile.section import Section, key


class StaticSection(Section):
    """The static files of the application, which a CDN can deliver."""

    url: Annotated[str, AfterValidator(values.https_origin)] | None = key(
        None,
        "an address such as https://cdn.example.org, without a path",
        "https://cdn.example.org",
    )
    """The CDN that delivers the static files; its origin is this site. On a cloud the application
    gets its address and the first path of `application.static` as STATIC_URL. Default: the site
    delivers them itself."""
