"""A release as tables, filled by one walk over its documents, and the questions that HAL links cannot answer."""

from graphql_api.index.index import Index
from graphql_api.index.indexes import Indexes
from graphql_api.index.known import UNKNOWN

__all__ = ["UNKNOWN", "Index", "Indexes"]
