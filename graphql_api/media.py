"""The media type that a client prefers of those that a page has.

For pages that people, programs and other servers read at one address; GraphQL's own endpoint has its own rules.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class _Range(NamedTuple):
    kind: str
    sub: str
    quality: float

    def fits(self, media_type: str) -> int:
        """How exactly it names a type: 3 in full, 2 by its kind, 1 as anything; 0 where it does not."""
        kind, _, sub = media_type.partition("/")
        if (self.kind, self.sub) == (kind, sub):
            return 3
        if self.sub != "*":
            return 0
        return 2 if self.kind == kind else int(self.kind == "*")


def preferred(accept: str, offered: Sequence[str]) -> str | None:
    """The type of `offered` with the highest quality in an `Accept` header, the first of equals; None where none will do.

    The range that names a type most exactly says its quality (RFC 9110, 12.5.1). Without a header anything will do.
    """
    ranges = list(_ranges(accept or "*/*"))
    qualities = {each: _quality(each, ranges) for each in offered}
    best = max(offered, key=lambda each: qualities[each])
    return best if qualities[best] > 0 else None


def _quality(media_type: str, ranges: Iterable[_Range]) -> float:
    fit, quality = max(((each.fits(media_type), each.quality) for each in ranges), default=(0, 0.0))
    return quality if fit else 0.0


def _ranges(accept: str) -> Iterable[_Range]:
    for part in accept[:2000].split(","):
        media_range, *parameters = (each.strip().lower() for each in part.split(";"))
        kind, _, sub = media_range.partition("/")
        told = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            quality = float(told)
        except ValueError:
            quality = 0.0
        yield _Range(kind, sub, quality if 0 <= quality <= 1 else 0.0)
