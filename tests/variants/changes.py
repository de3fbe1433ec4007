"""Building blocks of mutations: functions that change documents, and the paths at which they do so."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from graphql_api.competent.values import moment
from tests.variants.mutated_sandbox import Answers, Document

Change = Callable[[Document], Any]
"""Changes a document, or an object in it, in place."""

LISTS = r"/releases/[^/]+/(occupationalprofiles|technicalcompetences|softskills)(\?.*)?"
PLAIN_LISTS = r"/releases/[^/]+/(occupationalprofiles|technicalcompetences|.*/used)(\?.*)?"
"""Lists of concepts that also have documents of their own, with more fields."""
PROFILE = r"/releases/[^/]+/occupationalprofiles/[^/?]+"
EMBEDDED = ("essentialCompetences", "specificCompetences")


def refuse(pattern: str) -> Answers:
    """Respond with 404 to all paths that match a pattern."""
    error = {"timestamp": "2026-06-25T10:00:00.000+00:00", "status": 404, "error": "Not Found", "path": "/x"}
    return lambda path, status, document: (404, error) if re.fullmatch(pattern, path) else (status, document)


def each_document(change: Change, pattern: str = ".*") -> Answers:
    """Change all documents, lists included, at paths that match a pattern."""

    def answers(path: str, status: int, document: Document) -> tuple[int, Document]:
        if status == 200 and re.fullmatch(pattern, path):
            change(document)
        return status, document

    return answers


def each_item(change: Change, pattern: str = ".*") -> Answers:
    """Change all items of lists at paths that match a pattern."""
    return each_document(lambda document: [change(item) for item in items(document)], pattern)


def each_object(change: Change) -> Answers:
    """Change all objects in all documents at any depth, inner ones first."""
    return each_document(lambda document: [change(item) for item in objects(document)])


def each_profile(change: Change) -> Answers:
    """Change all documents of profiles."""
    return each_document(change, PROFILE)


def each_embedded(change: Change) -> Answers:
    """Change all competences embedded in profiles."""
    return each_profile(lambda profile: [change(item) for item in embedded(profile)])


def embedded(profile: Document) -> list[Document]:
    return [part for key in EMBEDDED for part in parts(profile.get(key))]


def items(document: Document) -> list[Document]:
    result = document.get("_embedded") or {}
    lists = result.values() if isinstance(result, dict) else [result]
    return [
        item for value in lists for item in parts(value) if isinstance(value, list) or isinstance(value.get("id"), str)
    ]


def parts(value: Any) -> list[Document]:
    """The objects in a list, or a single object as a list."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def single(value: Any) -> Any:
    """The only item of a list, as HAL allows; other values unchanged."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def objects(value: Any) -> Iterator[Document]:
    if isinstance(value, dict):
        for entry in list(value.values()):
            yield from objects(entry)
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from objects(item)


def without(*keys: str) -> Change:
    return lambda document: [document.pop(key, None) for key in keys]


def only(*keys: str) -> Change:
    return lambda document: [document.pop(key) for key in document.keys() - set(keys)]


def flat(competence: Document) -> None:
    """Replace the concepts in a competence by the text of its skill."""
    competence["description"] = (competence.get("skill") or {}).get("description")
    only("id", "code", "description")(competence)


def with_nulls(*keys: str) -> Change:
    return lambda document: document.update(dict.fromkeys(keys))


def renamed(key: str, new: str) -> Change:
    return lambda document: document.update({new: document.pop(key)}) if key in document else None


def replaced(keys: tuple[str, ...], make: Callable[[Any], Any]) -> Change:
    """Replace the values of these keys, unless missing or null."""
    return lambda document: document.update({key: make(document[key]) for key in keys if document.get(key) is not None})


def bare_text(value: Any) -> Any:
    return value["nl"] if isinstance(value, dict) and "nl" in value else value


def milliseconds(value: object) -> int:
    result = moment(value)
    assert result is not None
    return int(datetime.fromisoformat(result).timestamp() * 1000)


def numbers(value: object) -> list[int]:
    result = moment(value)
    assert result is not None
    return list(datetime.fromisoformat(result).timetuple()[:6])


def turned(value: Any) -> Any:
    """The value with the keys of all objects reversed."""
    if isinstance(value, dict):
        return {key: turned(item) for key, item in reversed(value.items())}
    return [turned(item) for item in value] if isinstance(value, list) else value


def with_query(path: str, **changes: object) -> str:
    """The path with these query parameters; unchanged if it has no query."""
    name, mark, query = path.partition("?")
    return f"{name}?{urlencode(dict(parse_qsl(query)) | changes)}" if mark else path


def number_in(path: str, name: str, otherwise: int) -> int:
    """An integer query parameter of a path, or the default."""
    return int(dict(parse_qsl(path.partition("?")[2])).get(name, otherwise))
