"""A release with one occupation, in which every text tries to be markup, to turn the direction of writing, or to be too long."""

from dataclasses import replace
from typing import TypeVar

from graphql_api.sandbox import Releases
from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.dataset import AlternativeName, Concept, Dataset, Item, Term, Texts
from graphql_api.sandbox.document_store import documents_in_memory
from tests.few_profiles import with_profiles

TEXT = "wond <script>alert(1)</script>\u202e\u2066\"' onload=alert(1) & {{ 7 * 7 }}"
C = TypeVar("C", bound=Concept)
LONG = f"{TEXT} {'w' * 10_000}"


def hostile_releases() -> Releases:
    """The bundled release with only one profile, the nurse."""
    return Releases([documents_in_memory(_dataset(with_profiles(bundled_datasets()[0], {"OP-101"})))])


def _dataset(dataset: Dataset) -> Dataset:
    return replace(
        dataset,
        profiles=tuple(_concept(profile, LONG) for profile in dataset.profiles),
        competences=tuple(map(_concept, dataset.competences)),
        blocks={name: tuple(map(_concept, blocks)) for name, blocks in dataset.blocks.items()},
    )


def _concept(concept: C, text: str = TEXT) -> C:
    return replace(
        concept,
        texts={name: _texts(texts, text) for name, texts in concept.texts.items()},
        related={name: tuple(map(_item, items)) for name, items in concept.related.items()},
    )


def _item(item: Concept | Item) -> Concept | Item:
    match item:
        case Concept():
            return _concept(item)
        case Term():
            return replace(item, title=_texts(item.title, TEXT))
        case AlternativeName():
            return replace(item, name=TEXT)
    return item


def _texts(texts: Texts, text: str) -> Texts:
    return {language: value and text for language, value in texts.items()}
