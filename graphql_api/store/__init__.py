"""Documents kept by path, so that the Competent API is asked as little as can be."""

from graphql_api.store.backend import Backend
from graphql_api.store.document_cache import Store

__all__ = ["Backend", "Store"]
