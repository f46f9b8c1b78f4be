"""A number of web servers that follows the load.

The text below a key is its documentation.
"""

from pydantic import model_validator

from skytier.stackfile.section import Section, contradiction, key


class Automatic(Section):
    """What the number of web servers goes by."""

    min: int = key(..., "a number from 1 to 100", ge=1, le=100, strict=True)
    """The smallest number of web servers."""
    max: int = key(..., "a number from 1 to 100, above `min`", ge=1, le=100, strict=True)
    """The largest number of web servers."""
    cpu: int = key(60, "a number of percent from 10 to 90", ge=10, le=90, strict=True)
    """The CPU that shall be in use on a web server, on average."""
    wait_minutes: int = key(10, "a number of minutes from 5 to 1440", ge=5, le=1440, strict=True)
    """How long nothing is scaled after a change of the stack."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Automatic":
        if self.min >= self.max:
            raise contradiction("web.count", f"has min = {self.min}, and max = {self.max}")
        return self

    def nearest(self, count: int) -> int:
        """The number within the limits that is nearest to another one."""
        return min(max(count, self.min), self.max)
