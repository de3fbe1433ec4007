"""The HTTP app: the GraphQL endpoint, HTML pages, health and metrics, with their middleware, on top of `Services`."""

import asyncio
import logging
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Lifespan

from graphql_api import own_version
from graphql_api.asyncio_tools import cancel_and_wait
from graphql_api.execution.engine import Engine
from graphql_api.execution.limits import Limits
from graphql_api.execution.operations import Executed, Request, Variables, decoded
from graphql_api.execution.response_cache import ResponseCache
from graphql_api.execution.schema import build_schema
from graphql_api.http.admission import AdmissionMiddleware, limiter_for, slot_holder
from graphql_api.http.auth import AccessPolicy, WebSocketAuth, access_policy_for, auth_middleware, readers_of
from graphql_api.http.content_negotiation import accepted_languages
from graphql_api.http.export import ExportLimits, export_routes
from graphql_api.http.forwarded import forwarded_middleware
from graphql_api.http.graphql import STATUSES, CachePolicy, Endpoint, PersistedQueries, http_error, internal_error
from graphql_api.http.graphql.persisted_queries import Automatic, Trusted
from graphql_api.http.middleware import BrowserRedirect, DirectRoute, base_middleware
from graphql_api.http.pages import examples
from graphql_api.http.pages.docs import documentation_routes
from graphql_api.http.pages.error_pages import ErrorPages
from graphql_api.http.pages.explorer import Explorer, Site
from graphql_api.http.pages.feed import feed_routes
from graphql_api.http.pages.graphiql import graphiql_routes
from graphql_api.http.pages.health import Health
from graphql_api.http.pages.home import home_routes, notice_of
from graphql_api.http.pages.linked_data import linked_data_routes
from graphql_api.http.pages.llms_txt import agents_routes
from graphql_api.http.pages.rendering import asset_routes
from graphql_api.http.pages.sitemap import sitemap_routes
from graphql_api.http.request_logging import RequestLoggingMiddleware
from graphql_api.http.streaming import Connections, EventStreams, OpenAccess, StreamingExecutor, WebSockets
from graphql_api.observability.logs import flush_log
from graphql_api.observability.metrics_endpoint import metrics_routes
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext
from graphql_api.observability.tracing import begin_tracing, end_tracing
from graphql_api.server.fast_path import FastPath, ResponseHeads
from graphql_api.services import Services
from graphql_api.settings import Settings
from graphql_api.upstream.headers import KEY_HEADER
from graphql_api.upstream.transport import ASGIApp

log = logging.getLogger("graphql_api.server")

PAGE_TIMEOUT = 3.0
"""Timeout in seconds for the queries that our HTML pages run in-process; those of the explorer have that of any operation."""

KEY_HEADER_BY_ACCESS = {"keys": "X-API-Key", "passthrough": KEY_HEADER}
"""The request header in which clients send their key, by `COMPETENT_ACCESS`."""


def create_app(
    settings: Settings, competent: ASGIApp | None = None, clock: Callable[[], float] = time.time
) -> Starlette:
    """The server as an ASGI app. It uses the Competent API in the settings, or `competent`, an ASGI app in this process.

    `clock` returns seconds since 1970 and dates documents. Raises SettingsError if the settings cannot be used.
    """
    policy = access_policy_for(settings)  # first, because it may raise, and nothing is open yet
    services = Services(settings, competent, clock)
    stopping = asyncio.Event()
    limiter = limiter_for(settings)
    operation_log = OperationLog(
        [example.name for example in examples.examples()],
        texts=settings.log_documents == "on",
        addresses=settings.log_addresses == "on",
    )
    endpoint = _endpoint(settings, services)
    event_slots = asyncio.Semaphore(settings.max_executing)
    executor = StreamingExecutor(endpoint, slot_holder(limiter), event_slots)
    connections = Connections(
        settings.streaming_connections,
        stopping,
        settings.streaming_connections_per_client,
        settings.websocket_unsent_bytes,
    )
    graphql = EventStreams(endpoint, executor, connections)
    layers = base_middleware(settings)
    fast = FastPath(
        endpoint, policy, limiter.loop_budget, operation_log, stopping, ResponseHeads(layers), settings.root_path
    )
    app = Starlette(
        routes=[
            Route("/graphql", graphql),
            WebSocketRoute("/graphql", _websockets(settings, executor, connections, operation_log, policy)),
            *_pages(settings, services, endpoint),
            *_copies(settings, services, endpoint.cache_policy),
            *Health(services.loaders, services.store, services.indexes, stopping).routes,
            *(metrics_routes() if settings.metrics == "on" else ()),
        ],
        middleware=[  # outermost first
            *forwarded_middleware(settings),
            Middleware(RequestLoggingMiddleware, stopping, operation_log, layers),
            *layers,
            Middleware(ErrorPages, ("/graphql",)),
            *([Middleware(BrowserRedirect, "/graphql", "graphiql")] if settings.graphiql == "on" else ()),
            *auth_middleware(policy, readers_of(settings)),
            Middleware(AdmissionMiddleware, limiter, settings.max_body_bytes),
            Middleware(DirectRoute, "/graphql", graphql),
        ],
        exception_handlers={HTTPException: http_error, Exception: internal_error},
        lifespan=_lifespan(settings, services, stopping, fast),
    )
    app.router.redirect_slashes = False
    app.state.services = services
    app.state.endpoint = endpoint
    app.state.operation_log = operation_log
    app.state.fast_path = fast
    app.state.connections = connections
    app.state.scheduler = endpoint.engine.scheduler
    app.state.stopping = stopping
    return app


def _endpoint(settings: Settings, services: Services) -> Endpoint:
    return Endpoint(
        _engine(settings, services),
        _documents(settings),
        CachePolicy(settings.release_max_age, settings.current_max_age),
        settings.max_body_bytes,
        settings.operation_timeout,
        STATUSES[settings.status_policy],
    )


def _engine(settings: Settings, services: Services) -> Engine:
    responses = ResponseCache(settings.response_cache_bytes)
    services.on_evict(responses.drop)
    return Engine(
        build_schema(federation=settings.federation == "on", incremental=settings.incremental == "on"),
        services,
        Limits.of(settings),
        introspection=settings.introspection == "on",
        compiled=settings.compiled_queries == "on",
        responses=responses,
        max_upstream_calls=settings.operation_calls if settings.is_remote else math.inf,
    )


def _websockets(
    settings: Settings,
    executor: StreamingExecutor,
    connections: Connections,
    operation_log: OperationLog,
    policy: AccessPolicy | None,
) -> WebSockets:
    return WebSockets(
        executor,
        connections,
        operation_log,
        settings.origins,
        OpenAccess if policy is None else partial(WebSocketAuth, policy),
        init_timeout=settings.websocket_init_timeout,
        idle_timeout=settings.websocket_idle_timeout,
        max_operations=settings.websocket_operations,
        messages_per_second=settings.websocket_messages,
        max_message_bytes=settings.max_body_bytes,
    )


def _pages(settings: Settings, services: Services, endpoint: Endpoint) -> list[BaseRoute]:
    """The routes of the HTML pages, which run their queries in-process."""

    async def ask(
        query: str,
        variables: Variables | None = None,
        record: RequestContext | None = None,
        *,
        is_post: bool = False,
        seconds: float = PAGE_TIMEOUT,
    ) -> Executed:
        record = record or RequestContext()
        record.fetch_context.may_index = not settings.is_remote  # a visitor starts no crawl of hundreds of calls
        request = Request(query, variables, record=record, seconds=seconds, is_post=is_post)
        return decoded(await endpoint.engine.execute(request))

    plain = endpoint.engine.schema if settings.federation == "off" else build_schema()
    site = Site(
        partial(ask, seconds=settings.operation_timeout),
        endpoint.cache_policy,
        is_source_down=lambda: services.store.revalidation_fails,
    )
    explorer = _explorer(settings, site)
    off = _off(settings)
    return [
        *home_routes(ask, plain.sdl, off, explorer.home if explorer else None),
        *(sitemap_routes(services.loaders, endpoint.cache_policy, settings.absolute_url("")) if explorer else ()),
        *(explorer.routes if explorer else ()),
        *agents_routes(ask),
        *documentation_routes(ask, without=off),
        *asset_routes(),
        *graphiql_routes(
            partial(_examples, ask, is_public=settings.access == "off" or settings.pages == "public"),
            partial(notice_of, ask),
            key_header=KEY_HEADER_BY_ACCESS.get(settings.access, ""),
            page_too=settings.graphiql == "on",
        ),
    ]


async def _examples(ask: examples.RunQuery, accept_language: str, *, is_public: bool) -> Mapping[str, object]:
    """The examples for a reader; without a response if clients need a key, as everyone may read them."""
    languages = [language.name for language in accepted_languages(accept_language)] or ["EN"]
    return await examples.example_list(ask, languages, with_response=is_public)


def _explorer(settings: Settings, site: Site) -> Explorer | None:
    """The explorer; None if it is off, or clients need a key and it is not public."""
    is_open = settings.access == "off"
    if settings.pages == "off" or not (is_open or settings.pages == "public"):
        return None
    return Explorer(
        replace(
            site,
            base=settings.absolute_url("") or "",
            has_graphiql=settings.graphiql == "on",
            has_schema=settings.introspection == "on",
            has_linked_data=is_open,
        )
    )


def _copies(settings: Settings, services: Services, cache_policy: CachePolicy) -> list[Route]:
    """The routes for clients that copy releases: linked data, the feed and exports."""
    base = settings.absolute_url("id/")
    return [
        *linked_data_routes(services.loaders, cache_policy, base),
        *feed_routes(services.loaders, cache_policy, settings.absolute_url),
        *export_routes(services.loaders, _export_limits(settings), cache_policy, base),
    ]


def _export_limits(settings: Settings) -> ExportLimits:
    return ExportLimits(settings.export_concurrency, settings.exports_per_hour, settings.export_min_rate)


def _lifespan(settings: Settings, services: Services, stopping: asyncio.Event, fast: FastPath) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
        started_at = time.monotonic()
        log.info("server started", extra={"fields": {"version": own_version(), "pid": os.getpid()}})
        begin_tracing()
        watches = [
            asyncio.create_task(services.watch_current(max(settings.current_ttl, 1.0))),
            asyncio.create_task(services.measure()),
        ]
        # The fast path does not know client addresses; middleware reads those that a trusted proxy sends.
        is_fast = settings.fast_path == "on" and settings.log_addresses == "off"
        yield {"fast_path": fast} if is_fast else {}
        stopping.set()
        await cancel_and_wait(watches)
        await services.aclose()
        await end_tracing()
        log.info(
            "server stopped",
            extra={"fields": {"pid": os.getpid(), "uptime_s": round(time.monotonic() - started_at, 1)}},
        )
        flush_log()

    return lifespan


def _documents(settings: Settings) -> PersistedQueries:
    mode = settings.persisted_mode or ("allow" if settings.persisted else "off")
    trusted = Trusted.read(settings.persisted) if mode != "off" else None
    automatic = Automatic(settings.apq_documents, settings.apq_bytes) if settings.apq_documents else None
    return PersistedQueries(trusted, mode == "only", automatic)


def _off(settings: Settings) -> list[str]:
    """The files at the root that these settings turn off; no page links to them."""
    pages = {"graphiql": settings.graphiql, "schema.graphql": settings.introspection}
    return [name for name, switch in pages.items() if switch == "off"]
