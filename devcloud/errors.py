"""The one error that a person sees."""


class DevcloudError(Exception):
    """Says what happened and to what, and what to do now.

    `do` is the next step, or None when `what` says it already.
    """

    def __init__(self, what: str, do: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.do = do
