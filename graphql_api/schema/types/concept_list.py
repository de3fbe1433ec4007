"""Lists of concepts that are parts of normalised documents, such as the items of a list."""

from collections.abc import Sequence
from typing import Any, TypeVar

from graphql_api.competent.hal import Document
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.document_view import DocumentView

C = TypeVar("C", bound=Concept)


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
        route = self._concept_class.route
        return self._concept_class(view=DocumentView(self._loaders, self.release, document, document["id"], route))
