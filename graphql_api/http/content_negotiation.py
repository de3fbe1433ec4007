"""Content negotiation: chooses media type, content coding and languages (RFC 9110, 12.5).

The highest weight wins; ties go to the one that the client names first, then to the one offered first.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from graphql_api.http.header_fields import MAX_FIELD_CHARS, elements
from graphql_api.schema.types.text import LANGUAGES, Language


class _Range(NamedTuple):
    main_type: str
    subtype: str
    quality: float
    position: int
    parameters: dict[str, str]

    def specificity(self, media_type: str) -> int:
        """How exactly this range matches a media type: 3 for `type/subtype`, 2 for `type/*`, 1 for `*/*`, 0 for no match."""
        main_type, _, subtype = media_type.partition("/")
        if (self.main_type, self.subtype) == (main_type, subtype):
            return 3
        if self.subtype != "*":
            return 0
        return 2 if self.main_type == main_type else int(self.main_type == "*")


GZIP_MIN_BYTES = 1000
"""Responses shorter than this many bytes are not worth compressing."""


def preferred(accept: str, offered: Sequence[str]) -> str | None:
    """The type in `offered` that an `Accept` header prefers; None if none is acceptable.

    The most specific range that matches a type gives its quality and position. An empty header accepts everything.
    """
    return _preferred(accept[:MAX_FIELD_CHARS], tuple(offered))


# Few distinct headers occur: each client sends the same one with every request.
@lru_cache(256)
def _preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    ranges = list(_ranges(accept if accept.strip() else "*/*"))
    ranks = {media_type: _rank(media_type, ranges) for media_type in offered}
    best = max(offered, key=lambda media_type: ranks[media_type])
    return best if ranks[best][0] > 0 else None


def gzip_from(head: Mapping[bytes, bytes]) -> float:
    """Minimum response length in bytes for gzip with these request headers; infinite if the client does not accept it."""
    return _gzip_from(head.get(b"accept-encoding", b"").decode("latin-1"))


@lru_cache(256)
def _gzip_from(accept_encoding: str) -> float:
    weights = {coding.value: coding.weight for coding in elements(accept_encoding)}
    any_other = weights.get("*", 0.0)
    gzip = weights.get("gzip", weights.get("x-gzip", any_other))
    if gzip <= 0 or gzip < weights.get("identity", 0.0):
        return math.inf
    return 1 if weights.get("identity", any_other if "*" in weights else 1.0) == 0 else GZIP_MIN_BYTES


def parameters(accept: str, media_type: str) -> dict[str, str] | None:
    """The parameters of a media type in an `Accept` header, such as `{"q": "0.5"}`.

    None if the header does not name the type in full, or refuses it.
    """
    matches = (item for item in _ranges(accept) if item.specificity(media_type) == 3 and item.quality > 0)
    return next((item.parameters for item in matches), None)


def _rank(media_type: str, ranges: Iterable[_Range]) -> tuple[float, int]:
    specificity, quality, position = max(
        ((item.specificity(media_type), item.quality, -item.position) for item in ranges), default=(0, 0.0, 0)
    )
    return (quality, position) if specificity else (0.0, 0)


def _ranges(accept: str) -> Iterable[_Range]:
    for position, element in enumerate(elements(accept)):
        main_type, _, subtype = (part.strip() for part in element.value.partition("/"))
        yield _Range(main_type, subtype, element.weight, position, element.parameters)


_TWO_LETTER_CODES = {"dut": "nl", "nld": "nl", "fra": "fr", "fre": "fr", "eng": "en", "deu": "de", "ger": "de"}
"""Three-letter codes of ISO 639-2 to two-letter codes."""


def accepted_languages(header: str) -> tuple[Language, ...]:
    """The languages of Competent that an `Accept-Language` header accepts (RFC 9110, 12.5.4), preferred first."""
    return _accepted_languages(header[:1000])


def preferred_language(header: str) -> str:
    """The key of the language that an `Accept-Language` header prefers, such as `nl`; `en` if it accepts none of Competent's."""
    accepted = accepted_languages(header)
    return accepted[0].key if accepted else "en"


@lru_cache(256)
def _accepted_languages(header: str) -> tuple[Language, ...]:
    weights: dict[Language, float] = {}
    any_other = 0.0
    for element in elements(header):
        language = LANGUAGES.get(_language_code(element.value))
        if element.value == "*":
            any_other = element.weight
        elif language:
            weights[language] = max(element.weight, weights.get(language, 0.0))
    if weights and any_other:
        weights |= {language: any_other for language in Language if language not in weights}
    return tuple(
        sorted((language for language in weights if weights[language] > 0), key=lambda language: -weights[language])
    )


def _language_code(tag: str) -> str:
    """The two-letter code of a language tag (`nl-BE`), system locale (`nl_BE.UTF-8`) or three-letter code (`nld`)."""
    language = re.split(r"[-_.@]", tag, maxsplit=1)[0]
    return _TWO_LETTER_CODES.get(language, language)
