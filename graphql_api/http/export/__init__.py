"""Bulk copies of a release over HTTP: `/export/3.27.ndjson` and the other formats, within bounds of their own."""

from graphql_api.http.export.endpoint import export_routes
from graphql_api.http.export.limits import ExportLimits

__all__ = ["ExportLimits", "export_routes"]
