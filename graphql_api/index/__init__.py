"""The index: a release as SQLite tables, filled by one crawl, for queries that HAL links cannot answer."""

from graphql_api.index.index import Index
from graphql_api.index.lookup_cache import UNKNOWN
from graphql_api.index.registry import IndexRegistry

__all__ = ["UNKNOWN", "Index", "IndexRegistry"]
