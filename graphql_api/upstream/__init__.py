"""The only door to the Competent API: a path goes in, a document or one of our errors comes out."""

from graphql_api.upstream.client import RawResponse, Upstream

__all__ = ["RawResponse", "Upstream"]
