"""Bulk copies of a release, streamed from its index: a format is a list of steps, each of which reads a batch of documents.

Steps run in the reader threads of the index, one after the other, so that an export takes constant memory and no time of the
event loop.
"""

from graphql_api.export.contents import Options, ReleaseFacts
from graphql_api.export.export import CSV, FORMATS, NDJSON, Digests, Format, export, release_facts, require_whole

__all__ = [
    "CSV",
    "FORMATS",
    "NDJSON",
    "Digests",
    "Format",
    "Options",
    "ReleaseFacts",
    "export",
    "release_facts",
    "require_whole",
]
