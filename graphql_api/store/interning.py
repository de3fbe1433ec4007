"""Interning: equal parts of documents are stored as one object, since many profiles share competences, and these share blocks.

This cuts the memory of a full-size release to two fifths, and lets results be cached by the identity of a part. Documents are
normalised: they have few levels, and all keys come from the declarations.
"""

from sys import getsizeof
from typing import Any, cast

from graphql_api.competent.declarations import LANGUAGES
from graphql_api.competent.hal import Document, JsonObject
from graphql_api.store.steps import Steps, run_steps

MAX_VARIANTS = 16
"""Interned variants per id; further ones are not shared."""
STEP = 500
"""Objects and lists visited per event-loop turn, which takes one or two milliseconds."""

_PART_OVERHEAD = 160
"""Overhead of an interned part in bytes."""
_NUMBER_SIZE = 32


class _Part:
    """An interned object with an id, and its reference count: the documents and parts that hold it."""

    __slots__ = ("count", "object")

    def __init__(self, part: JsonObject) -> None:
        self.object = part
        self.count = 1


class Interner:
    """Parts by id, interned while a document that was taken and not yet given back holds them.

    Documents are traversed by generators that yield after every STEP objects and lists; several may be in progress.
    Run each to its end, or reference counts stay wrong.
    """

    def __init__(self) -> None:
        self._parts: dict[str, list[_Part]] = {}

    def intern(self, document: Document) -> tuple[Document, int]:
        """Intern a document; returns the one to store and the bytes that it adds.

        Changes `document` in place: its parts are replaced by equal interned ones. Use only the returned document afterwards.
        """
        return run_steps(self.intern_steps(document))

    def release(self, document: Document) -> int:
        """Release a document that was taken; returns the bytes that this frees."""
        return run_steps(self.release_steps(document))

    def intern_steps(self, document: Document) -> Steps[tuple[Document, int]]:
        """`intern` in steps."""
        new = cast(JsonObject, document)  # as it is parsed
        if part := self._find(name := document.get("id"), new):
            return part.object, 0
        return new, self._add(name, new) + (yield from self._intern_children(new))

    def release_steps(self, document: Document) -> Steps[int]:
        """`release` in steps."""
        return (yield from self._release(document))

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def _find(self, name: str | None, new: JsonObject) -> _Part | None:
        """Find the interned part that equals this object, and count a reference to it."""
        for part in self._parts.get(name, ()) if name is not None else ():
            if part.object is new or part.object == new:  # parts hold no numbers, of which `1 == True` would match
                part.count += 1
                return part
        return None

    def _add(self, name: str | None, new: JsonObject) -> int:
        """Intern an object; returns the bytes that this takes beside the object."""
        if name is None:
            return 0
        variants = self._parts.setdefault(name, [])
        if len(variants) == MAX_VARIANTS:
            return 0
        variants.append(_Part(new))
        return _PART_OVERHEAD

    def _intern_children(self, document: JsonObject) -> Steps[int]:
        pending: list[Any] = [document]  # objects and lists; not recursive, because nested generators are slow
        size = visited = 0
        while pending:
            holder = pending.pop()
            visited += 1
            if visited % STEP == 0:
                yield
            size += getsizeof(holder)
            for key, value in holder.items() if holder.__class__ is dict else enumerate(holder):
                value_class = value.__class__
                if value_class is str:
                    size += getsizeof(value)
                elif value_class is dict:
                    name = value.get("id")
                    if name is None and (text := _text_size(value)):
                        size += text
                    elif part := self._find(name, value):
                        holder[key] = part.object
                    else:
                        size += self._add(name, value)
                        pending.append(value)
                elif value_class is list:
                    pending.append(value)
                elif value is not None:
                    size += _NUMBER_SIZE
        return size

    def _release(self, document: Document) -> Steps[int]:
        pending: list[Any] = [document]
        size = visited = 0
        while pending:
            holder = pending.pop()
            is_object = holder.__class__ is dict
            if is_object and (part := self._find_interned(holder)):
                part.count -= 1
                if part.count:
                    continue
                self._remove(part)
                size += _PART_OVERHEAD
            visited += 1
            if visited % STEP == 0:
                yield
            size += getsizeof(holder)
            for value in holder.values() if is_object else holder:
                value_class = value.__class__
                if value_class is str:
                    size += getsizeof(value)
                elif value_class is dict:
                    if "id" not in value and (text := _text_size(value)):
                        size += text
                    else:
                        pending.append(value)
                elif value_class is list:
                    pending.append(value)
                elif value is not None:
                    size += _NUMBER_SIZE
        return size

    def _find_interned(self, old: JsonObject) -> _Part | None:
        """Find the interned part that is this object; None for one that was not interned."""
        name = old.get("id")
        variants = self._parts.get(name, ()) if name is not None else ()
        return next((part for part in variants if part.object is old), None)

    def _remove(self, part: _Part) -> None:
        variants = self._parts[part.object["id"]]
        variants.remove(part)
        if not variants:
            del self._parts[part.object["id"]]


def _text_size(value: JsonObject) -> int:
    """Bytes of a text by language (most objects without an id), or 0 if the object is something else."""
    if len(value) > len(LANGUAGES):
        return 0
    size = getsizeof(value)
    for text in value.values():
        if text.__class__ is not str:
            return 0
        size += getsizeof(text)
    return size
