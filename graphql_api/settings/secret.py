"""A text that hides itself wherever texts are shown: logs, traces, `repr`, formats."""


class Secret(str):
    """A text that hides itself from logs, traces and `repr`; `reveal()` gives it."""

    def __repr__(self) -> str:
        return "Secret('…')" if self.reveal() else "Secret('')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return str.__str__(self)
