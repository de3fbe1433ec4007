"""Converts values of HAL documents to normalised ones: plain JSON, checked and trimmed, each in one shape.

Functions never raise: an invalid value becomes None, or is left out of its list. The docstrings give the shapes.
"""

import re
from collections.abc import Hashable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from graphql_api.competent.declarations import LANGUAGES as LANGUAGES
from graphql_api.competent.hal import Document, JsonObject, as_list, parts

ISCO = "ISCO-08"
"""The scheme of the international classification of occupations."""

TERM_KEYS = frozenset({"id", "code", "title", "description"})
"""The keys of a term that are used."""
KEYS = {
    "names": frozenset({"id", "code", "name", "title", "language"}),
    "classifications": frozenset({"type", "scheme", "value", "code"}),
}
"""The keys of list items that are used, by the name of the conversion."""

_BRUSSELS = ZoneInfo("Europe/Brussels")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def uuid(value: object) -> str | None:
    """A uuid of 36 characters, in lower case; None if the value is not one."""
    return value.lower() if isinstance(value, str) and _UUID.fullmatch(value) else None


def as_uuid(value: object) -> UUID | None:
    """A uuid of 36 characters as a UUID; None if the value is not one."""
    valid = uuid(value)
    return UUID(valid) if valid else None


def plain(value: object) -> str | None:
    """A trimmed string; None if it is blank or not a string."""
    return value.strip() or None if isinstance(value, str) else None


def code(value: object) -> str | None:
    """A trimmed code; an integer becomes a string. None if there is no code."""
    return str(value) if type(value) is int else plain(value)  # `true` is no code


def text(value: object) -> dict[str, str] | None:
    """A text as `{language: text}`, with only the languages that have text, in the order of LANGUAGES; None if it is empty.

    Upstream sends an object `{nl, fr, en, de}` with nulls and blanks; a bare string is Dutch.
    """
    if not isinstance(value, dict):
        return {LANGUAGES[0]: trimmed} if (trimmed := plain(value)) else None
    texts = {}
    for language in LANGUAGES:
        if type(raw := value.get(language)) is str and (trimmed := raw.strip()):
            texts[language] = trimmed
    return texts or None


def strings(value: object) -> list[str]:
    """The strings of a list; a single string becomes a list of one."""
    return [item for item in as_list(value) if isinstance(item, str)]


def moment(value: object) -> str | None:
    """A moment in ISO 8601 with an offset, UTC if upstream gives none; None if it is invalid.

    Upstream sends ISO 8601, milliseconds since 1970, or a list of year, month, day, hour and so on (Jackson's two defaults).
    """
    parsed = _parsed_moment(value)
    return None if parsed is None else (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).isoformat()


def day(value: object) -> str | None:
    """The date (ISO 8601) of a moment in Brussels time, or as written if the moment has no offset; None if it is invalid."""
    parsed = _parsed_moment(value)
    if parsed is not None and parsed.tzinfo:
        with suppress(OverflowError):  # the last hours of the year 9999
            parsed = parsed.astimezone(_BRUSSELS)
    return None if parsed is None else parsed.date().isoformat()


def names(value: object) -> list[JsonObject]:
    """Alternative names as `{id, code, name, language}`, without duplicates; `language` is None if upstream gives none.

    Upstream sends objects with a name in one language, objects with a text in several, or bare strings.
    """
    rows = (
        (uuid(item.get("id")), code(item.get("code")), name, language)
        for item in _named(value)
        for name, language in _names(item)
    )
    return [dict(zip(("id", "code", "name", "language"), row, strict=True)) for row in dict.fromkeys(rows)]


def _named(value: object) -> list[Document]:
    return [item if isinstance(item, dict) else {"name": item} for item in as_list(value)]


def _names(document: Document) -> list[tuple[str, str | None]]:
    name = document.get("name") or document.get("title")
    if isinstance(name, dict):
        return [(translation, language) for language, translation in (text(name) or {}).items()]
    trimmed, language = plain(name), plain(document.get("language"))
    language = language and language.lower()
    return [(trimmed, language if language in LANGUAGES else None)] if trimmed else []


def terms(value: object) -> list[JsonObject]:
    """Terms as `{id, code, title}`, without duplicates; `title` is a text by language."""
    unique: dict[Hashable, JsonObject] = {}
    for item in parts(value):
        term_id, term_code = uuid(item.get("id")), code(item.get("code"))
        title = text(item.get("title") or item.get("description"))
        unique[term_id, term_code, *(title or {}).items()] = {"id": term_id, "code": term_code, "title": title}
    return list(unique.values())


def classifications(value: object) -> list[dict[str, str]]:
    """Codes in other classifications as `{scheme, code}`, without duplicates.

    Upstream sends `{type, value}`, or bare ISCO codes. Normalised values are accepted unchanged.
    """
    unique = {}
    for item in as_list(value):
        scheme, number = (
            (item.get("type") or item.get("scheme"), item.get("value") or item.get("code"))
            if isinstance(item, dict)
            else ("", item)
        )
        if (trimmed := code(number)) is not None:
            row = scheme_name(scheme), trimmed
            unique[row] = {"scheme": row[0], "code": trimmed}
    return list(unique.values())


def scheme_name(value: object) -> str:
    """The name of a classification, in capitals; ISCO-08 for its other spellings, and if upstream gives none."""
    name = (plain(value) or ISCO).upper()
    return ISCO if name.replace("-", "").replace(" ", "") in ("ISCO", "ISCO08") else name


def _parsed_moment(value: object) -> datetime | None:
    try:
        match value:
            case bool():
                return None
            case str():
                return datetime.fromisoformat(value.strip())
            case list():
                return datetime(*value[:6])
            case int() | float():
                return datetime.fromtimestamp(value / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        pass
    return None
