"""Lists of concepts that are parts of normalised documents, such as the items of a list."""

from collections.abc import Sequence
from typing import Any, TypeVar

from graphql_api.competent.hal import Document
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.document_view import DocumentView

C = TypeVar("C", bound=Concept)


def concept_of(concept_class: type[C], loaders: Loaders, release: str, document: Document) -> C:
    """Returns a concept of this type, which must be its own, by its normalised document or a part of it."""
    return concept_class(view=DocumentView(loaders, release, document, document["id"], concept_class.route))


class ConceptList(Sequence[C]):
    """Concepts of one type and release by their documents. Compiled queries read these; the objects are made for others."""

    def __init__(self, concept_class: type[C], loaders: Loaders, release: str, documents: Sequence[Document]) -> None:
        self.documents = documents
        self.release = release
        self._concept_class = concept_class
        self._loaders = loaders

    def __len__(self) -> int:
        return len(self.documents)

    def __getitem__(self, position: Any) -> Any:  # of a Sequence: an index or a slice
        if isinstance(position, slice):
            return [self._concept(document) for document in self.documents[position]]
        return self._concept(self.documents[position])

    def _concept(self, document: Document) -> C:
        return concept_of(self._concept_class, self._loaders, self.release, document)
