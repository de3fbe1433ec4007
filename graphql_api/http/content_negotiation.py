"""Content negotiation: chooses media type, content coding and languages (RFC 9110, 12.5).

The highest weight wins; ties go to the one that the client names first, then to the one offered first.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from graphql_api.http.header_fields import LONGEST, elements
from graphql_api.schema.types.text import LANGUAGES, Language


class _Range(NamedTuple):
    kind: str
    sub: str
    quality: float
    place: int
    parameters: dict[str, str]

    def fits(self, media_type: str) -> int:
        """How exactly this range matches a media type: 3 for `type/subtype`, 2 for `type/*`, 1 for `*/*`, 0 for no match."""
        kind, _, sub = media_type.partition("/")
        if (self.kind, self.sub) == (kind, sub):
            return 3
        if self.sub != "*":
            return 0
        return 2 if self.kind == kind else int(self.kind == "*")


GZIP_FROM = 1000
"""Responses shorter than this many bytes are not worth compressing."""


def preferred(accept: str, offered: Sequence[str]) -> str | None:
    """The type in `offered` that an `Accept` header prefers; None if none is acceptable.

    The most specific range that matches a type gives its quality and position. An empty header accepts everything.
    """
    return _preferred(accept[:LONGEST], tuple(offered))


# Few distinct headers occur: each client sends the same one with every request.
@lru_cache(256)
def _preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    ranges = list(_ranges(accept if accept.strip() else "*/*"))
    ranks = {each: _rank(each, ranges) for each in offered}
    best = max(offered, key=lambda each: ranks[each])
    return best if ranks[best][0] > 0 else None


def gzip_from(head: Mapping[bytes, bytes]) -> float:
    """Minimum response length in bytes for gzip with these request headers; infinite if the client does not accept it."""
    return _gzip_from(head.get(b"accept-encoding", b"").decode("latin-1"))


@lru_cache(256)
def _gzip_from(accept_encoding: str) -> float:
    weights = {each.value: each.weight for each in elements(accept_encoding)}
    any_other = weights.get("*", 0.0)
    gzip = weights.get("gzip", weights.get("x-gzip", any_other))
    if gzip <= 0 or gzip < weights.get("identity", 0.0):
        return math.inf
    return 1 if weights.get("identity", any_other if "*" in weights else 1.0) == 0 else GZIP_FROM


def parameters(accept: str, media_type: str) -> dict[str, str] | None:
    """The parameters of a media type in an `Accept` header, such as `{"q": "0.5"}`.

    None if the header does not name the type in full, or refuses it.
    """
    found = (each for each in _ranges(accept) if each.fits(media_type) == 3 and each.quality > 0)
    return next((each.parameters for each in found), None)


def _rank(media_type: str, ranges: Iterable[_Range]) -> tuple[float, int]:
    fit, quality, place = max(
        ((each.fits(media_type), each.quality, -each.place) for each in ranges), default=(0, 0.0, 0)
    )
    return (quality, place) if fit else (0.0, 0)


def _ranges(accept: str) -> Iterable[_Range]:
    for place, element in enumerate(elements(accept)):
        kind, _, sub = (each.strip() for each in element.value.partition("/"))
        yield _Range(kind, sub, element.weight, place, element.parameters)


_OF_THREE_LETTERS = {"dut": "nl", "nld": "nl", "fra": "fr", "fre": "fr", "eng": "en", "deu": "de", "ger": "de"}
"""Three-letter codes of ISO 639-2 to two-letter codes."""


def accepted(header: str) -> tuple[Language, ...]:
    """The languages of Competent that an `Accept-Language` header accepts (RFC 9110, 12.5.4), preferred first."""
    return _accepted(header[:1000])


@lru_cache(256)
def _accepted(header: str) -> tuple[Language, ...]:
    weights: dict[Language, float] = {}
    any_other = 0.0
    for element in elements(header):
        language = LANGUAGES.get(_key_of(element.value))
        if element.value == "*":
            any_other = element.weight
        elif language:
            weights[language] = max(element.weight, weights.get(language, 0.0))
    if weights and any_other:
        weights |= {language: any_other for language in Language if language not in weights}
    return tuple(sorted((each for each in weights if weights[each] > 0), key=lambda each: -weights[each]))


def _key_of(tag: str) -> str:
    """The two-letter code of a language tag (`nl-BE`), system locale (`nl_BE.UTF-8`) or three-letter code (`nld`)."""
    language = re.split(r"[-_.@]", tag, maxsplit=1)[0]
    return _OF_THREE_LETTERS.get(language, language)
