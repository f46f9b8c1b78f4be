"""A file beside the stack file that cannot be read: only what needs its text fails."""

from skytier.errors import SkytierError

_WHO_NEEDS_IT = (
    "Commands that plan or set up machines need it, such as plan, up, status and release; ssh, "
    "exec, logs and down do not."
)


class Unread(str):
    """Stands for the text, and has the error."""

    error: SkytierError

    __slots__ = ("error",)

    @classmethod
    def because(cls, error: SkytierError) -> "Unread":
        """One with what to say where the text is needed."""
        made = cls()
        made.error = SkytierError(error.what, f"{error.do or ''} {_WHO_NEEDS_IT}".lstrip())
        return made


def needed(text: str | None) -> str | None:
    """The text of a file; None where none is named. Raises SkytierError for one that is unread."""
    if isinstance(text, Unread):
        raise text.error
    return text
