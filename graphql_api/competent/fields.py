"""How Competent's documents say things: which keys, in order of preference, and what their values are made of.

Upstream's own odd names are read here and go no further; what is not as expected is left out, and nothing raises.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from graphql_api.competent.hal import Document, as_list, parts

LANGUAGES = ("nl", "fr", "en", "de")
"""The languages of Competent, in the order in which one stands in for another."""

ESSENTIAL = ("essentialCompetences",)
OPTIONAL = ("specificCompetences", "optionalCompetences")
SKILL_TEXT = ("title", "description", "shortDescription")
"""Of soft and digital skills."""
CODES = ("codes", "iscoCodes")

_BRUSSELS = ZoneInfo("Europe/Brussels")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def first(document: Document, keys: tuple[str, ...]) -> Any:
    """The value under the first of these keys that has one; None where none has."""
    for key in keys:
        value = document.get(key)
        if value is not None:
            return value
    return None


def uuid_text(text: object) -> str | None:
    """A uuid's usual form of 36 characters, in lower case; None for anything else."""
    return text.lower() if isinstance(text, str) and _UUID.fullmatch(text) else None


def id_text(document: Document) -> str:
    """What a document gives as its id, in lower case, whatever that is."""
    return str(document.get("id")).lower()


def as_uuid(text: object) -> UUID | None:
    """A uuid from its usual form of 36 characters, else None."""
    found = uuid_text(text)
    return UUID(found) if found else None


def plain(value: object) -> str | None:
    """A text without the white space around it; None where nothing is left, or for anything else."""
    return value.strip() or None if isinstance(value, str) else None


def code(document: Document) -> str | None:
    """The code of a thing."""
    return as_code(document.get("code"))


def as_code(value: object) -> str | None:
    """A code, also where it is a bare number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else plain(value)


def texts(value: object) -> dict[str, str]:
    """The texts of an object `{nl, fr, en, de}`, by language, without those that are missing; a bare text is a Dutch one."""
    if not isinstance(value, dict | Mapping):  # the first is what nearly all are, and looked at much faster
        return {LANGUAGES[0]: text} if (text := plain(value)) else {}
    found = {}
    for language in LANGUAGES:
        each = value.get(language)
        if isinstance(each, str) and (text := each.strip()):
            found[language] = text
    return found


def moment(value: object) -> datetime | None:
    """A moment from its ISO 8601 form, from milliseconds since 1970, or from a list of year, month, day, hour and so on.

    The two others are how Jackson writes moments unless it is told otherwise. UTC where no zone is named; None for anything else.
    """
    found = _parsed_moment(value)
    return found and (found if found.tzinfo else found.replace(tzinfo=UTC))


def day(value: object) -> date | None:
    """The day of a moment in Brussels, where Competent is published; the day that is written if it names no zone.

    Shapes are those of `moment`; a day alone stays that day. None for anything else.
    """
    found = _parsed_moment(value)
    if found is not None and found.tzinfo:
        with suppress(OverflowError):  # the last hours of the year 9999
            found = found.astimezone(_BRUSSELS)
    return found and found.date()


def things(value: object) -> list[Document]:
    """The things embedded in a list, or a single one, each once; one that is told by its bare id is an object with that alone."""
    found = parts([{"id": each} if uuid_text(each) else each for each in as_list(value)])
    ids = [id_text(each) for each in found]
    if len(set(ids)) == len(ids):
        return found
    once: dict[str | int, Document] = {}
    for n, (each, id) in enumerate(zip(found, ids, strict=True)):
        once.setdefault(id if uuid_text(id) else n, each)
    return list(once.values())


class Name(NamedTuple):
    """An alternative name; `language` is None where Competent does not tell it."""

    uuid: UUID | None
    code: str | None
    name: str
    language: str | None


def names(value: object) -> list[Name]:
    """The alternative names of a list, or a single one, each once: one language each, or an object with several."""
    found = (
        Name(as_uuid(each.get("id")), code(each), name, language)
        for each in _named(value)
        for name, language in _names(each)
    )
    return list(dict.fromkeys(found))


def _named(value: object) -> list[Document]:
    """Objects with a name; bare texts are names too."""
    return [each if isinstance(each, Mapping) else {"name": each} for each in as_list(value)]


def _names(each: Document) -> list[tuple[str, str | None]]:
    told = each.get("name") or each.get("title")
    if isinstance(told, Mapping):
        return [(name, language) for language, name in texts(told).items()]
    name, language = plain(told), str(each.get("language")).lower()
    return [(name, language if language in LANGUAGES else None)] if name else []


class Label(NamedTuple):
    """A term of one of Competent's lists, with its titles by language."""

    uuid: UUID | None
    code: str | None
    title: dict[str, str]


def bare_texts(value: object) -> list[str]:
    """The texts of a list, or a single one."""
    return [each for each in as_list(value) if isinstance(each, str)]


def labels(value: object) -> list[Label]:
    """The terms of a list, or a single one, each once."""
    found = (
        Label(as_uuid(each.get("id")), code(each), texts(each.get("title") or each.get("description")))
        for each in parts(value)
    )
    return list({(each.uuid, each.code, *each.title.items()): each for each in found}.values())


def codes(value: object) -> list[tuple[str, str]]:
    """Scheme and code of a list of codes, each once: objects of a type and a value, or bare ISCO codes."""
    found = []
    for each in as_list(value):
        scheme, told = (
            (each.get("type"), each.get("value") or each.get("code")) if isinstance(each, Mapping) else ("", each)
        )
        if isinstance(told, str | int) and str(told).strip():
            found.append((_scheme(scheme), str(told).strip()))
    return list(dict.fromkeys(found))


def _scheme(told: object) -> str:
    name = (plain(told) or "ISCO-08").upper()
    return "ISCO-08" if name.replace("-", "").replace(" ", "") in ("ISCO", "ISCO08") else name


def _parsed_moment(value: object) -> datetime | None:
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value.strip())
        if isinstance(value, list):
            return datetime(*value[:6])
        return datetime.fromtimestamp(value / 1000, UTC)  # type: ignore[operator]  # a TypeError where it is no number
    except (TypeError, ValueError, OverflowError, OSError):
        return None
