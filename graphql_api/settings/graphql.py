"""What a GraphQL operation may do: features, persisted queries, limits of documents, WebSockets and event streams."""

from dataclasses import dataclass
from pathlib import Path

from graphql_api.settings.environment import ON_OFF, Section


@dataclass(frozen=True)
class GraphQLSettings:
    """Settings of GraphQL, over HTTP and as streams."""

    introspection: str = Section.GRAPHQL(
        "on",
        "`off` refuses introspection, suggests no names in error messages and does not serve `/schema.graphql`.",
        choices=ON_OFF,
    )
    graphiql: str = Section.GRAPHQL("on", "`off` does not serve GraphiQL.", choices=ON_OFF)
    compiled_queries: str = Section.GRAPHQL(
        "on",
        "`off` executes every operation with graphql-core instead of compiling it: slower, with the same responses.",
        choices=ON_OFF,
        formerly="PLANS",
    )
    status_policy: str = Section.GRAPHQL(
        "audits",
        "HTTP status codes of GraphQL responses: those that the audits of `graphql-http` check (`audits`), or those of the "
        "September 2026 edition of the GraphQL-over-HTTP specification (`2026`).",
        choices=("audits", "2026"),
        formerly="STATUSES",
    )
    incremental: str = Section.GRAPHQL(
        "off",
        "`on` adds `@defer` and `@stream` to the schema, for clients that accept `multipart/mixed`.",
        choices=ON_OFF,
    )
    federation: str = Section.GRAPHQL(
        "off", "`on` lets an Apollo Federation router use this server as a subgraph.", choices=ON_OFF
    )

    apq_documents: int = Section.PERSISTED(
        1000, "Maximum number of automatic persisted queries per process. 0 disables them.", minimum=0
    )
    apq_bytes: int = Section.PERSISTED(
        4_000_000, "Maximum total size of automatic persisted queries per process, in bytes.", minimum=1
    )
    persisted: tuple[Path, ...] = Section.PERSISTED(
        (),
        "Manifests of trusted documents, as GraphQL Code Generator, Relay and Apollo write them: files, separated as in PATH.",
    )
    persisted_mode: str = Section.PERSISTED(
        "",
        "`allow` accepts the documents of those manifests by id, and any other document; `only` accepts nothing else; `off` "
        "ignores the manifests. Unset: `allow` if COMPETENT_PERSISTED is set, otherwise `off`.",
        choices=("off", "allow", "only"),
    )

    max_document_characters: int = Section.LIMITS(
        50_000, "Maximum length of a GraphQL document, in characters.", minimum=1, formerly="MAX_DOCUMENT_LETTERS"
    )
    max_tokens: int = Section.LIMITS(
        2000,
        "Maximum number of tokens in a GraphQL document. Comments are counted separately, with the same limit.",
        minimum=1,
    )
    max_depth: int = Section.LIMITS(20, "Maximum depth of nested fields.", minimum=1)
    max_aliases: int = Section.LIMITS(100, "Maximum number of aliases, with fragments expanded.", minimum=0)
    max_root_fields: int = Section.LIMITS(50, "Maximum number of root fields, with fragments expanded.", minimum=1)
    max_directives: int = Section.LIMITS(100, "Maximum number of directives, with fragments expanded.", minimum=0)
    max_fragments: int = Section.LIMITS(100, "Maximum number of fragments in a GraphQL document.", minimum=0)
    max_variable_values: int = Section.LIMITS(
        5000, "Maximum number of values in the variables, including those inside lists and objects.", minimum=0
    )
    max_cost: int = Section.LIMITS(
        50_000,
        "Maximum cost of an operation. A value costs one unit, queries to the index cost more (see [limits](limits.md#cost)).",
        minimum=1,
    )

    streaming_connections: int = Section.STREAMING(
        1000,
        "Maximum number of open WebSockets and event streams (server-sent events) per process.",
        minimum=0,
        formerly="LIVE_CONNECTIONS",
    )
    streaming_connections_per_client: int = Section.STREAMING(
        100,
        "Maximum number of open WebSockets and event streams per client and process. A client is a key or, without keys, an "
        "IPv4 address or a /64 network of IPv6.",
        minimum=1,
        formerly="LIVE_CONNECTIONS_PER_CLIENT",
    )
    websocket_operations: int = Section.STREAMING(
        20, "Maximum number of simultaneous operations on one WebSocket.", minimum=1, formerly="LIVE_OPERATIONS"
    )
    websocket_messages: int = Section.STREAMING(
        50,
        "Maximum number of messages per second on one WebSocket, averaged over ten seconds; then close code 1008.",
        minimum=1,
        formerly="LIVE_MESSAGES",
    )
    websocket_frames: int = Section.STREAMING(
        200,
        "Maximum number of frames per second on one WebSocket, including pings and fragments, averaged over ten seconds; then "
        "close code 1008.",
        minimum=1,
        formerly="LIVE_FRAMES",
    )
    websocket_unsent_bytes: int = Section.STREAMING(
        64_000_000,
        "Memory per process for responses that WebSocket clients have not read yet, in bytes; beyond it slow clients are "
        "disconnected.",
        minimum=0,
        formerly="LIVE_UNSENT_BYTES",
    )
    websocket_init_timeout: float = Section.STREAMING(
        5.0,
        "Time within which a WebSocket client must send `connection_init`, in seconds; then close code 4408.",
        minimum=0.001,
        formerly="LIVE_INIT_TIMEOUT",
    )
    websocket_idle_timeout: float = Section.STREAMING(
        60.0,
        "Time after which a WebSocket without a running operation or a message is closed, in seconds.",
        minimum=0.001,
        formerly="LIVE_IDLE_TIMEOUT",
    )
