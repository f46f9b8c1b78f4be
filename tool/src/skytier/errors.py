"""The one error that an operator sees."""

from collections.abc import Sequence


class SkytierError(Exception):
    """Says what happened and to what, and what to do now.

    `what` is a sentence; `do` is the next step, or None when `what` says it already.
    """

    def __init__(self, what: str, do: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.do = do


class SeveralError(SkytierError):
    """Several errors of one run. `groups` are those that have the same advice, each once."""

    def __init__(self, groups: Sequence[SkytierError]) -> None:
        advice = [each.do for each in groups if each.do]
        super().__init__("\n".join(each.what for each in groups), "\n".join(advice) or None)
        self.groups = groups


def together(errors: Sequence[BaseException]) -> BaseException:
    """The error to raise for all of them: each message once, and each advice once.

    One alone stays as it is, and so does the first one that nobody foresaw.
    """
    unforeseen = [each for each in errors if not isinstance(each, SkytierError)]
    if unforeseen:
        return unforeseen[0]
    foreseen = [each for each in errors if isinstance(each, SkytierError)]
    told: dict[str | None, dict[str, SkytierError]] = {}
    for each in foreseen:
        told.setdefault(each.do, {}).setdefault(each.what, each)
    if [len(group) for group in told.values()] == [1]:
        return foreseen[0]
    several = SeveralError([SkytierError("\n".join(group), do) for do, group in told.items()])
    several.__cause__ = ExceptionGroup("all of them", foreseen)  # what --debug shows
    return several
