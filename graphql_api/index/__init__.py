"""A release as tables, filled by one walk over its documents, and the questions that HAL links cannot answer."""

from graphql_api.index.indexes import Index, Indexes
from graphql_api.index.known import UNKNOWN

__all__ = ["UNKNOWN", "Index", "Indexes"]
