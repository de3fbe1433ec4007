"""Private parts of libraries: every use of one is here, behind a public name.

A private part may change with any version. So the versions of these libraries are pinned to a minor one (pyproject.toml), and
tests/test_library_internals.py checks that each part still exists and that no other module uses one. The libraries
are imported for types only: this module costs nothing at the start.
"""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import strawberry
    from graphql import GraphQLSchema
    from graphql.execution.executor import CollectedErrors
    from uvicorn._types import ASGI3Application, ASGIReceiveEvent, ASGISendEvent, HTTPResponseStartEvent

    __all__ = ["ASGI3Application", "ASGIReceiveEvent", "ASGISendEvent", "HTTPResponseStartEvent"]


def core_schema_of(schema: "strawberry.Schema") -> "GraphQLSchema":
    """The schema as graphql-core executes it."""
    return schema._schema


def clear_error_positions(errors: "CollectedErrors") -> None:
    """Drop the paths of all errors. They may be thousands, and executors are freed late, by the garbage collector."""
    errors._error_positions.clear()


def set_blocking(future: asyncio.Future[object], blocking: bool) -> None:
    """Set whether a task is about to wait for this future; asyncio refuses a future that is yielded without it."""
    future._asyncio_future_blocking = blocking
