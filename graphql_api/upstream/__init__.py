"""The client of the Competent API: takes a path, returns a document or raises one of our errors."""

from graphql_api.upstream.client import RawResponse, Upstream

__all__ = ["RawResponse", "Upstream"]
