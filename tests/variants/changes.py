"""What mutations are made of: functions that change documents, and where in an upstream's answers they do so."""

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
"""Lists of things that have documents of their own, which say more."""
PROFILE = r"/releases/[^/]+/occupationalprofiles/[^/?]+"
EMBEDDED = ("essentialCompetences", "specificCompetences")


def refuse(pattern: str) -> Answers:
    """Says of all paths of a pattern that there is nothing."""
    error = {"timestamp": "2026-06-25T10:00:00.000+00:00", "status": 404, "error": "Not Found", "path": "/x"}
    return lambda path, status, document: (404, error) if re.fullmatch(pattern, path) else (status, document)


def each_document(change: Change, pattern: str = ".*") -> Answers:
    """Changes every document at the paths of a pattern, lists included."""

    def answers(path: str, status: int, document: Document) -> tuple[int, Document]:
        if status == 200 and re.fullmatch(pattern, path):
            change(document)
        return status, document

    return answers


def each_item(change: Change, pattern: str = ".*") -> Answers:
    """Changes every item of the lists at the paths of a pattern."""
    return each_document(lambda document: [change(each) for each in items(document)], pattern)


def each_object(change: Change) -> Answers:
    """Changes every object of every document, however deep it stands, the inner ones first."""
    return each_document(lambda document: [change(each) for each in objects(document)])


def each_profile(change: Change) -> Answers:
    """Changes every profile that is a document of its own."""
    return each_document(change, PROFILE)


def each_embedded(change: Change) -> Answers:
    """Changes every competence that is embedded in a profile."""
    return each_profile(lambda profile: [change(each) for each in embedded(profile)])


def embedded(profile: Document) -> list[Document]:
    return [each for key in EMBEDDED for each in parts(profile.get(key))]


def items(document: Document) -> list[Document]:
    found = document.get("_embedded") or {}
    lists = found.values() if isinstance(found, dict) else [found]
    return [item for each in lists for item in parts(each) if isinstance(each, list) or isinstance(each.get("id"), str)]


def parts(value: Any) -> list[Document]:
    """The objects of a list, or a single one."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def single(value: Any) -> Any:
    """The only item of a list, as HAL allows it."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def objects(value: Any) -> Iterator[Document]:
    if isinstance(value, dict):
        for each in list(value.values()):
            yield from objects(each)
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from objects(each)


def without(*keys: str) -> Change:
    return lambda document: [document.pop(key, None) for key in keys]


def only(*keys: str) -> Change:
    return lambda document: [document.pop(key) for key in document.keys() - set(keys)]


def with_nulls(*keys: str) -> Change:
    return lambda document: document.update(dict.fromkeys(keys))


def renamed(key: str, new: str) -> Change:
    return lambda document: document.update({new: document.pop(key)}) if key in document else None


def replaced(keys: tuple[str, ...], make: Callable[[Any], Any]) -> Change:
    """Another value under each of these keys that is there and not null."""
    return lambda document: document.update({key: make(document[key]) for key in keys if document.get(key) is not None})


def bare_text(value: Any) -> Any:
    return value["nl"] if isinstance(value, dict) and "nl" in value else value


def milliseconds(value: object) -> int:
    found = moment(value)
    assert found is not None
    return int(datetime.fromisoformat(found).timestamp() * 1000)


def numbers(value: object) -> list[int]:
    found = moment(value)
    assert found is not None
    return list(datetime.fromisoformat(found).timetuple()[:6])


def turned(value: Any) -> Any:
    """The same with the keys of each object in the other order."""
    if isinstance(value, dict):
        return {key: turned(each) for key, each in reversed(value.items())}
    return [turned(each) for each in value] if isinstance(value, list) else value


def with_query(path: str, **changes: object) -> str:
    """The path with some parameters of its query set; a path without a query stays as it is."""
    name, mark, query = path.partition("?")
    return f"{name}?{urlencode(dict(parse_qsl(query)) | changes)}" if mark else path


def asked(path: str, name: str, otherwise: int) -> int:
    """A number in the query of a path."""
    return int(dict(parse_qsl(path.partition("?")[2])).get(name, otherwise))
