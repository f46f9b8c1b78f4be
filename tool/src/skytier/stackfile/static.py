"""The keys of the section [static]: where browsers get the static files.

The text below a key is its documentation.
"""

from typing import Annotated

from pydantic import AfterValidator

from skytier.stackfile import values
from skytier.stackfile.section import Section, key
from skytier.stackfile.storage import bucket_name


class StaticSection(Section):
    """The static files of the application, which a CDN can deliver."""

    url: Annotated[str, AfterValidator(values.https_origin)] | None = key(
        None,
        "an address such as https://cdn.example.org, without a path",
        "https://cdn.example.org",
    )
    """The CDN that delivers the static files; its origin is this site, or
    `static.bucket`. On a cloud the application gets its address and the first path of
    `application.static` as STATIC_URL. Default: the site
    delivers them itself."""
    bucket: Annotated[str, AfterValidator(bucket_name)] | None = key(
        None, "3 to 63 characters of a-z, 0-9 and hyphens", "shop-static"
    )
    """A container in the cloud's object store that is the CDN's origin instead of this site. On a
    cloud it is made, everybody may read what is in it, and each release puts its static files there
    before a web server is switched to it. It is for nothing else: `down` deletes it with all in it.
    Default: there is none."""
