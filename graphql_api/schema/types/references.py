"""Resolves references to concepts in one release: in a few index queries, however many references there are.

Ids of another release are translated: to the concept with the same uuid, or with the same code if its label is similar.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple, TypeVar
from uuid import UUID

import strawberry

from graphql_api.competent.declarations import ConceptType
from graphql_api.competent.releases import CURRENT
from graphql_api.errors import InvalidReference, NotIndexedYet, ReleaseNotFound
from graphql_api.index.concepts import IndexedConcept, by_code, by_row_id, by_uuid, row_ids_by_code, row_ids_by_uuid
from graphql_api.index.labels import are_alike, label
from graphql_api.schema.loaders import IndexQuery, Loaders
from graphql_api.schema.types.concept_ref import ConceptRef, Target, TranslatedBy, TranslatedId, target_of
from graphql_api.schema.types.global_id import NodeId, shown

K = TypeVar("K", UUID, str)
R = TypeVar("R", IndexedConcept, "LatestConcept")

REF_UNITS = 4
"""Units of cost per reference: it is parsed, and looked up in up to two releases."""
MAX_MESSAGES = 5
"""Maximum number of invalid entries that one message describes; `extensions.entries` names all of them."""

Failure = InvalidReference | NotIndexedYet
_Result = IndexedConcept | NotIndexedYet | str
"""The concept of a target, or why there is none: the end of a sentence that begins with the entry."""


class _Absent(str):
    """Why there is no concept: the release has none."""


class Resolved(NamedTuple):
    """The concepts of references by the names of their entries, in their order; a failure for each that has none."""

    release: str
    concepts: Mapping[str, IndexedConcept | Failure]
    translated: Sequence[TranslatedId]

    def require(self, types: Sequence[ConceptType]) -> list[IndexedConcept]:
        """Returns all concepts.

        Raises InvalidReference, which names each entry that has none or one of another type than `types`, or NotIndexedYet.
        """
        concepts, failures = [], []
        for entry, result in self.concepts.items():
            match result:
                case NotIndexedYet():
                    raise result
                case InvalidReference():
                    failures.append(result)
                case IndexedConcept(type=type) if type not in types:
                    message = f"`{entry}` is of type {type.name}; `{entry.partition('[')[0]}` takes {plurals(types)}."
                    failures.append(InvalidReference(message, entry))
                case IndexedConcept():
                    concepts.append(result)
        if failures:
            raise _joined(failures)
        return concepts

    def translations_to(self, *concepts: IndexedConcept) -> list[TranslatedId]:
        """Returns those of `translated` that lead to these concepts."""
        ids = {str(NodeId(concept.type.name, self.release, concept.uuid)) for concept in concepts}
        return [translation for translation in self.translated if translation.to in ids]


def plurals(types: Sequence[ConceptType]) -> str:
    """Returns types as text: `skills, knowledge items and soft skills`."""
    *most, last = (type.plural for type in types)
    return " and ".join((*([", ".join(most)] if most else []), last))


def _joined(failures: Sequence[InvalidReference]) -> InvalidReference:
    sentences = [str(failure) for failure in failures[:MAX_MESSAGES]]
    if len(failures) > MAX_MESSAGES:
        sentences.append(f"{len(failures) - MAX_MESSAGES} more: see `extensions.entries`.")
    return InvalidReference(" ".join(sentences), *(entry for failure in failures for entry in failure.entries))


async def resolve(loaders: Loaders, release: str | None, refs: Mapping[str, ConceptRef]) -> Resolved:
    """Returns the concepts of references by the names of their entries, such as `have[3]`.

    They are of this release; if that is None, of the release that all ids share if it is served, otherwise of the current one.
    While the index of the release is built, references that the crawl has not met have NotIndexedYet, and so have all codes.
    Raises ReleaseNotFound if there is no such release.
    """
    targets, distinct = _targets(refs)
    ids = [target for target in distinct if isinstance(target, NodeId)]
    number = await _release_of(loaders, release, ids)
    of_ids, by_codes = await _by_id(loaders, number, ids)
    results: dict[Target, _Result] = {**of_ids, **await _by_uuid_or_code(loaders, number, distinct)}
    translated = [
        _translation(number, node_id, concept, TranslatedBy.CODE if node_id in by_codes else TranslatedBy.UUID)
        for node_id in ids
        if isinstance(concept := of_ids[node_id], IndexedConcept) and node_id.release != number
    ]
    concepts = {
        entry: target if isinstance(target, InvalidReference) else _named(entry, results[target])
        for entry, target in targets.items()
    }
    return Resolved(number, concepts, translated)


class LatestConcept(NamedTuple):
    """A concept, and the newest release that has it."""

    release: str
    concept: IndexedConcept


async def resolve_latest(
    loaders: Loaders, releases: Sequence[str], refs: Mapping[str, ConceptRef]
) -> list[LatestConcept | Failure]:
    """Returns the concept of each reference in the first of these releases that has it.

    The releases must be indexed. An id counts by its type and uuid, whatever its release.
    """
    targets, left = _targets(refs)
    results: dict[Target, _Result] = {}
    releases_of: dict[Target, str] = {}
    for number in releases:
        ids = [target for target in left if isinstance(target, NodeId)]
        releases_of |= dict.fromkeys(left, number)
        of_release = {**await _by_uuid(loaders, number, ids), **await _by_uuid_or_code(loaders, number, left)}
        results |= {one: result for one, result in of_release.items() if not isinstance(result, _Absent)}
        absent = {one: result for one, result in of_release.items() if isinstance(result, _Absent)}
        results, left = absent | results, list(absent)  # the reason is that of the newest release
    latest = {target: _latest(releases, releases_of[target], result) for target, result in results.items()}
    return [
        target if isinstance(target, InvalidReference) else _named(entry, latest[target])
        for entry, target in targets.items()
    ]


def _latest(releases: Sequence[str], release: str, result: _Result) -> "LatestConcept | NotIndexedYet | str":
    match result:
        case IndexedConcept():
            return LatestConcept(release, result)
        case _Absent() if len(releases) > 1:
            return _Absent(f"{result} Nor has any earlier release that is indexed.")
        case _:
            return result


def _targets(refs: Mapping[str, ConceptRef]) -> tuple[dict[str, Target | InvalidReference], list[Target]]:
    """What each entry refers to, or why it refers to nothing; and each target once."""
    targets: dict[str, Target | InvalidReference] = {}
    for entry, ref in refs.items():
        try:
            targets[entry] = target_of(entry, ref)
        except InvalidReference as error:
            targets[entry] = error
    return targets, list(
        dict.fromkeys(target for target in targets.values() if not isinstance(target, InvalidReference))
    )


async def _release_of(loaders: Loaders, release: str | None, ids: Iterable[NodeId]) -> str:
    if release is None:
        numbers = {node_id.release for node_id in ids}
        if len(numbers) == 1 and await loaders.release_exists(shared := numbers.pop()):
            return shared
        release = await loaders.release_number(CURRENT)
    if not await loaders.release_exists(release):
        raise ReleaseNotFound
    return release


def _named(entry: str, result: R | NotIndexedYet | str) -> R | Failure:
    return InvalidReference(f"`{entry}`: {result}", entry) if isinstance(result, str) else result


def _translation(number: str, node_id: NodeId, concept: IndexedConcept, by: TranslatedBy) -> TranslatedId:
    to = NodeId(concept.type.name, number, concept.uuid)
    return TranslatedId(from_=strawberry.ID(str(node_id)), to=strawberry.ID(str(to)), by=by)


async def _by_uuid_or_code(loaders: Loaders, number: str, targets: Iterable[Target]) -> dict[Target, _Result]:
    """The concepts with the uuids and codes among these targets."""
    uuids = [target for target in targets if isinstance(target, UUID)]
    codes = [target for target in targets if isinstance(target, str)]
    try:
        of_uuids = await _of_any_type(loaders, number, row_ids_by_uuid, uuids, "uuid")
        return {**of_uuids, **await _of_any_type(loaders, number, row_ids_by_code, codes, "code")}
    except NotIndexedYet as error:  # a concept that the crawl has not met may have the same code
        met = await loaders.met_of_any_type(number, uuids)
        of_uuids = {uuid: met[uuid][0] if len(met.get(uuid, ())) == 1 else error for uuid in uuids}
        return {**of_uuids, **dict.fromkeys(codes, error)}


async def _of_any_type(
    loaders: Loaders, number: str, query: IndexQuery[K, list[int]], keys: Sequence[K], name: str
) -> dict[Target, _Result]:
    """The concepts with these uuids or codes; a key that concepts of several types share has none."""
    rows = dict(zip(keys, await loaders.look_up_all(number, query, keys), strict=True))
    row_ids = [row_id for of_key in rows.values() for row_id in of_key or ()]
    looked_up = await loaders.look_up_all(number, by_row_id, row_ids)
    concepts = {concept.row_id: concept for concept in looked_up if concept}
    return {
        key: _only([concepts[row_id] for row_id in of_key or ()], f"the {name} {shown(str(key))}", number)
        for key, of_key in rows.items()
    }


def _only(concepts: Sequence[IndexedConcept], named: str, number: str) -> _Result:
    match concepts:
        case []:
            return _Absent(f"release {number} has no concept with {named}.")
        case [concept]:
            return concept
    names = " and ".join(concept.type.name for concept in concepts)
    return f"concepts of the types {names} share {named} in release {number}; pass the `id` of one of them."


async def _by_id(
    loaders: Loaders, number: str, ids: Sequence[NodeId]
) -> tuple[dict[Target, _Result], Collection[Target]]:
    """The concepts with these ids, or with ids of other releases; and the ids of those that were found by their code."""
    results = await _by_uuid(loaders, number, ids)
    missing = [node_id for node_id in ids if isinstance(results[node_id], str) and node_id.release != number]
    by_codes: dict[Target, _Result] = {}
    for release, group in groupby(sorted(missing, key=_release), key=_release):
        by_codes |= await _by_code_of(loaders, number, release, list(group))
    return results | by_codes, by_codes.keys()


async def _by_uuid(loaders: Loaders, number: str, ids: Sequence[NodeId]) -> dict[Target, _Result]:
    """The concepts with the types and uuids of these ids; while the index is built, those that the crawl has met."""
    keys = [node_id.concept_key for node_id in ids]
    looked_up: Sequence[IndexedConcept | NotIndexedYet | None]
    try:
        looked_up = await loaders.look_up_all(number, by_uuid, keys)
    except NotIndexedYet as error:
        looked_up = [concept or error for concept in await loaders.met(number, keys)]
    return {
        node_id: concept or _Absent(f"release {number} has no {node_id.concept_key[0].noun} with this id.")
        for node_id, concept in zip(ids, looked_up, strict=True)
    }


def _release(node_id: NodeId) -> str:
    return node_id.release


async def _by_code_of(loaders: Loaders, number: str, release: str, ids: Sequence[NodeId]) -> dict[Target, _Result]:
    """The concepts that have the codes which another release gives to these ids, if their labels are alike."""
    if not await loaders.release_exists(release):
        reason = f"release {release} is no longer served, and release {number} has no concept with the uuid of this id."
        return dict.fromkeys(ids, reason)
    try:
        olds = await loaders.look_up_all(release, by_uuid, [node_id.concept_key for node_id in ids])
    except NotIndexedYet as error:
        return dict.fromkeys(ids, error)
    keys = [(old.type, old.code) for old in olds if old and old.code]
    news = dict(zip(keys, await loaders.look_up_all(number, by_code, keys), strict=True))
    return {
        node_id: _successor(old, news.get((old.type, old.code or "")) if old else None, release, number)
        for node_id, old in zip(ids, olds, strict=True)
    }


def _successor(old: IndexedConcept | None, new: IndexedConcept | None, release: str, number: str) -> _Result:
    if old is None:
        return f"neither release {release}, whose id this is, nor release {number} has this concept."
    if new is None:
        return f"release {number} has no {old.type.noun} with the uuid or code ({old.code}) of this id of release {release}."
    if not are_alike(label(old), label(new)):
        return f"release {number} has no {old.type.noun} with the uuid of this id, and gives its code {old.code} to another."
    return new
