"""Equal parts of documents kept as one object: the same block stands in many competences, and these in many profiles.

A release at real size takes two fifths of what it takes otherwise, and what is read of a part can be kept by the part's identity.
Documents are normalised: they have few levels, and the keys of all objects are those of the declarations.
"""

from sys import getsizeof
from typing import Any

from graphql_api.competent.declarations import LANGUAGES
from graphql_api.competent.hal import Document
from graphql_api.store.steps import Steps, at_once

MOST_VARIANTS = 16
"""Different parts of one id that are known; where there are more, the others are shared with none."""
STEP = 500
"""Objects and lists, with their texts, that are looked through in one turn of the event loop; a millisecond or two."""

_ENTRY = 160
"""Bytes of what is noted of a part."""
_NUMBER = 32


class _Part:
    """An object with an id, and how many documents and other parts hold it."""

    __slots__ = ("count", "object")

    def __init__(self, part: dict[str, Any]) -> None:
        self.object = part
        self.count = 1


class _Walk:
    """One walk through a document: the bytes that it found, and how far it may go on in this turn."""

    __slots__ = ("bytes", "left")

    def __init__(self) -> None:
        self.bytes = 0
        self.left = STEP

    def is_over(self) -> bool:
        """Count an object or a list; whether the turn ends with it."""
        self.left -= 1
        if self.left:
            return False
        self.left = STEP
        return True


class Interner:
    """Parts by id, known for as long as a document that was taken, and not yet given back, holds them.

    Documents are walked through by generators, which yield after every STEP objects and lists; several walks may be under way
    at once. A walk that was begun has to be ended, or parts stay counted for nobody.
    """

    def __init__(self) -> None:
        self._parts: dict[str, list[_Part]] = {}

    def take(self, document: Document) -> tuple[Document, int]:
        """The document to keep in the place of this one, and how many bytes that takes more than what is kept already.

        What is handed in is used up: its parts are exchanged for those that are known.
        """
        return at_once(self.taking(document))

    def give_back(self, document: Document) -> int:
        """Let go of a document that was taken; how many bytes that frees."""
        return at_once(self.giving_back(document))

    def taking(self, document: Document) -> Steps[tuple[Document, int]]:
        """`take` in steps."""
        walk, name = _Walk(), _name(document)
        new: dict[str, Any] = document  # type: ignore[assignment]  # as it is parsed
        if part := self._find(name, new):
            return part.object, 0
        yield from self._take_inside(new, walk)
        self._add(name, new, walk)
        return new, walk.bytes

    def giving_back(self, document: Document) -> Steps[int]:
        """`give_back` in steps."""
        walk = _Walk()
        yield from self._give_back(document, walk)  # type: ignore[arg-type]
        return walk.bytes

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def _find(self, name: str | None, new: dict[str, Any]) -> _Part | None:
        """The known part that says the same as this object, counted once more."""
        for part in self._parts.get(name, ()) if name is not None else ():
            if part.object is new or part.object == new:  # no value of a part is a number: for Python `1` equals `true`
                part.count += 1
                return part
        return None

    def _add(self, name: str | None, new: dict[str, Any], walk: _Walk) -> None:
        if name is None:
            return
        known = self._parts.setdefault(name, [])
        if len(known) < MOST_VARIANTS:
            walk.bytes += _ENTRY
            known.append(_Part(new))

    def _take_inside(self, holder: Any, walk: _Walk) -> Steps[None]:
        if walk.is_over():
            yield
        size = getsizeof(holder)
        for place, value in holder.items() if holder.__class__ is dict else enumerate(holder):
            kind = value.__class__
            if kind is str:
                size += getsizeof(value)
            elif kind is dict:
                name = _name(value)
                if name is None and (text := _text_size(value)):
                    size += text
                elif part := self._find(name, value):
                    holder[place] = part.object
                else:
                    yield from self._take_inside(value, walk)
                    self._add(name, value, walk)
            elif kind is list:
                yield from self._take_inside(value, walk)
            elif value is not None:
                size += _NUMBER
        walk.bytes += size

    def _give_back(self, old: dict[str, Any], walk: _Walk) -> Steps[None]:
        name = _name(old)
        known = self._parts.get(name, []) if name is not None else []
        part = next((each for each in known if each.object is old), None)
        if part is not None:
            part.count -= 1
            if part.count:
                return
            self._forget(name, part)  # type: ignore[arg-type]
            walk.bytes += _ENTRY
        yield from self._give_back_inside(old, walk)

    def _forget(self, name: str, part: _Part) -> None:
        self._parts[name].remove(part)
        if not self._parts[name]:
            del self._parts[name]

    def _give_back_inside(self, holder: Any, walk: _Walk) -> Steps[None]:
        if walk.is_over():
            yield
        size = getsizeof(holder)
        for value in holder.values() if holder.__class__ is dict else holder:
            kind = value.__class__
            if kind is str:
                size += getsizeof(value)
            elif kind is dict:
                if "id" not in value and (text := _text_size(value)):
                    size += text
                else:
                    yield from self._give_back(value, walk)
            elif kind is list:
                yield from self._give_back_inside(value, walk)
            elif value is not None:
                size += _NUMBER
        walk.bytes += size


def _name(part: Document) -> str | None:
    """What parts that may be equal have in common: the id."""
    name = part.get("id")
    return name if name.__class__ is str else None


def _text_size(value: dict[str, Any]) -> int:
    """Bytes of a text by language, which most objects without an id are; 0 for any other object. At most a few languages."""
    if len(value) > len(LANGUAGES):
        return 0
    size = getsizeof(value)
    for text in value.values():
        if text.__class__ is not str:
            return 0
        size += getsizeof(text)
    return size
