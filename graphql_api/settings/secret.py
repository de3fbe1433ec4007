"""A string for secrets that logs, tracebacks and format strings show as `…`."""


class Secret(str):
    """A string whose `str`, `repr` and `format` hide it; `reveal()` returns it."""

    def __repr__(self) -> str:
        return "Secret('…')" if self.reveal() else "Secret('')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def reveal(self) -> str:
        """The secret itself."""
        return str.__str__(self)
