"""A release as tables, filled by one walk over its documents, and the questions that HAL links cannot answer."""

from graphql_api.index.index import Index
from graphql_api.index.lookup_cache import UNKNOWN
from graphql_api.index.registry import IndexRegistry

__all__ = ["UNKNOWN", "Index", "IndexRegistry"]
