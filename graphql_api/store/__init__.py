"""The document cache: HAL documents by path, so that the Competent API is called as little as possible."""

from graphql_api.store.backend import Backend
from graphql_api.store.document_cache import Store

__all__ = ["Backend", "Store"]
