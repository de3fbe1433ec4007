"""All settings in one list: name, default, help. Immutable once read, and an unknown `COMPETENT_…` stops the start.

A setting `upstream_url` is read from the environment variable `COMPETENT_UPSTREAM_URL`, and so on.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from graphql_api.errors import SettingsError
from graphql_api.settings.environment import read, read_key
from graphql_api.settings.field import PREFIX, setting, variable
from graphql_api.settings.origins import ANY, LOCAL, NONE, Origins
from graphql_api.settings.secret import Secret
from graphql_api.settings.validation import LOOPBACK, check, is_network

__all__ = ["PREFIX", "Settings", "variable"]

ON_OFF = ("on", "off")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator chose. Times are in seconds, sizes in bytes."""

    upstream_url: str = setting("", "Base of the Competent API to ask; unset: the sandbox in this process.")
    api_key: Secret = setting(Secret(""), "Key for the Competent API, sent as X-IBM-Client-Id.")
    api_key_file: Path | None = setting(None, "File with that key, instead of the key itself.")
    data: tuple[Path, ...] = setting(
        (),
        "Competent's Excel exports for the sandbox to serve, one release each, or folders of them, separated as in PATH.",
    )
    lenient: str = setting(
        "off",
        "`on` leaves out the rows of those exports that cannot be read, and logs them; `off` refuses to start.",
        choices=ON_OFF,
    )
    store: str = setting(
        "",
        "Where documents are kept: `memory:`, `sqlite:PATH`, or a Valkey server that replicas share (`valkey://…`). Unset: a "
        "file in the user's cache folder over the real API, memory over the sandbox.",
    )
    cache_dir: Path | None = setting(None, "Folder for what can be made again. Unset: the user's cache folder.")
    host: str = setting("127.0.0.1", "Address to listen on.")
    port: int = setting(8000, "Port to listen on; 0 takes a free one.", least=0, most=65535)
    trusted_proxies: str = setting(
        "127.0.0.1, ::1",
        "Addresses and networks of trusted reverse proxies, separated by commas. Their `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are believed, so that limits count each client's own address; `*` trusts everyone, `none` no one.",
    )
    root_path: str = setting(
        "",
        "Path prefix under which a reverse proxy publishes this server, such as `/competent`, if the proxy leaves it in the "
        "path.",
    )
    workers: int = setting(1, "Processes that serve.", least=1)
    log: str = setting(
        "info", "How much is logged: debug, info, warning or error.", choices=("debug", "info", "warning", "error")
    )
    log_format: str = setting(
        "",
        "How it is written: `json`, or `console` for people. Unset: `console` on a terminal, else `json`.",
        choices=("json", "console"),
    )
    log_documents: str = setting(
        "off",
        "`on` also logs what clients wrote: the GraphQL document and the values of its variables.",
        choices=ON_OFF,
        formerly="LOG_TEXTS",
    )
    log_addresses: str = setting(
        "off", "`on` also logs the address of each client, and disables the fast path.", choices=ON_OFF
    )
    metrics: str = setting(
        "on", "Where Prometheus finds metrics: `on`: under /metrics; a number: on a port of their own; `off`: nowhere."
    )
    max_operations: int = setting(
        1000,
        "Most operations that are under way at once in one process; at most half of them wait for the Competent API.",
        least=2,
    )
    max_executing: int = setting(
        8, "Most operations of those that do not wait, but are worked on.", least=1, formerly="MAX_WORKING"
    )
    max_queue: int = setting(
        1000, "Maximum number of operations that wait to run; further ones get 503 at once.", least=0
    )
    queue_timeout: float = setting(
        0.4,
        "Longest time that an operation waits to run under sustained overload; one that is expected to wait for more than a "
        "third of it gets 503 at once.",
        least=0,
    )
    queue_burst: float = setting(
        5.0,
        "Extra time that operations may wait when a burst meets an idle server; used up, a second each second, while operations"
        " wait, and regained twice as fast while none does.",
        least=0,
    )
    request_timeout: float = setting(10.0, "Longest time in which a request must arrive, head and body.", least=0.001)
    idle_timeout: float = setting(
        90.0,
        "Longest time that a connection stays open without a request. Must be longer than a proxy keeps its idle connections to"
        " this server, which is 75 seconds or less for most.",
        least=1,
    )
    max_header_bytes: int = setting(32_768, "Largest head of a request.", least=1024, formerly="HEAD_BYTES")
    drain: float = setting(
        0.5, "How long the server still accepts requests after it was asked to stop, while readiness fails.", least=0
    )
    stop_timeout: int = setting(10, "Longest time that running operations get after that.", least=0)
    operation_timeout: float = setting(
        5.0,
        "Longest time for one operation; what is not there by then is UPSTREAM_TIMEOUT on its field. A client shortens it "
        "with the header `X-Competent-Timeout`.",
        least=0.001,
    )
    upstream_connect_timeout: float = setting(
        0.5, "Longest wait for a connection to the Competent API.", least=0.001, formerly="CONNECT_TIMEOUT"
    )
    upstream_attempt_timeout: float = setting(
        1.5,
        "Longest time for one call to the Competent API, body included; another may follow it.",
        least=0.001,
        formerly="ATTEMPT_TIMEOUT",
    )
    upstream_total_timeout: float = setting(
        5.0,
        "Longest time for one document of the Competent API, with all attempts and the waits between them.",
        least=0.001,
        formerly="TOTAL_TIMEOUT",
    )
    upstream_concurrency: int = setting(40, "Most calls to the Competent API at once, of each process.", least=1)
    upstream_rate_limit: int = setting(
        1900,
        "Most calls in any minute to one route of the Competent API, of all processes; a quarter of them is kept from the walk "
        "that fills an index. 0: no limit.",
        least=0,
        formerly="PLAN",
    )
    operation_calls: int = setting(
        500,
        "Maximum number of documents that one operation may fetch from the Competent API. Fields that need more are "
        "NOT_LOADED_YET; sending the operation again fetches the next ones. Does not apply to the sandbox in this process.",
        least=1,
    )
    upstream_document_bytes: int = setting(
        2_000_000, "Maximum size of one document, before and after inflating.", least=1, formerly="DOCUMENT_BYTES"
    )
    upstream_page_size: int = setting(500, "Items asked for with each page of a list.", least=1, formerly="PAGE_SIZE")
    document_cache_bytes: int = setting(
        128_000_000,
        "Bytes of memory that documents may take, parsed, a part that several of them have counted once; a release at real "
        "size takes 60 MB.",
        least=0,
        formerly="MEMORY_BYTES",
    )
    store_bytes: int = setting(
        1_000_000_000, "Largest size of the file that documents are kept in; the oldest are let go of.", least=0
    )
    release_ttl: float = setting(
        30 * 86400.0,
        "How long documents of a numbered release are fresh; they do not change once published.",
        least=0,
        formerly="KEEP_RELEASE",
    )
    current_ttl: float = setting(
        300.0,
        "How long the answer to `which release is current` is fresh, and the list of releases.",
        least=0,
        formerly="KEEP_CURRENT",
    )
    stale_ttl: float = setting(
        7 * 86400.0,
        "How long a document that is no longer fresh is served all the same, while it is asked for again or cannot be had.",
        least=0,
        formerly="SERVE_STALE",
    )
    not_found_ttl: float = setting(
        60.0,
        "How long a document that the Competent API does not have is not asked for again.",
        least=0,
        formerly="KEEP_MISSING",
    )
    index: str = setting(
        "",
        "When releases are indexed: at the `start`, at first `need`, or `off`. Unset: at first need over the real API, at the "
        "start over the sandbox.",
        choices=("start", "need", "off"),
    )
    crawl_concurrency: int = setting(
        8, "Most requests at once of the walk that fills an index.", least=1, formerly="WALK_CONCURRENCY"
    )
    federation: str = setting(
        "off", "`on` lets a router of Apollo Federation ask this server as a subgraph.", choices=ON_OFF
    )
    access: str = setting(
        "off",
        "Who may ask: anybody (`off`), clients with keys of this server (`keys`), or clients with their own key for the "
        "Competent API, which goes upstream (`passthrough`).",
        choices=("off", "keys", "passthrough"),
    )
    keys_file: Path | None = setting(
        None,
        "File of the keys that `competent-graphql key` makes. Unset: `keys.json` in the user's configuration folder.",
    )
    key_requests_per_minute: int = setting(
        600,
        "Requests a minute that a key is good for which has no quota of its own.",
        least=1,
        formerly="KEYS_PER_MINUTE",
    )
    wrong_keys_per_minute: int = setting(
        10,
        "Wrong keys per minute from one address that are refused at once; each further one is refused after a second, with 429.",
        least=1,
    )
    introspection: str = setting("on", "`off` refuses introspection, and suggests no names in errors.", choices=ON_OFF)
    graphiql: str = setting("on", "`off` serves no GraphiQL.", choices=ON_OFF)
    compiled_queries: str = setting(
        "on",
        "`off` runs every operation by graphql-core: slower, with the same answers.",
        choices=ON_OFF,
        formerly="PLANS",
    )
    fast_path: str = setting(
        "on",
        "`off` sends every request through ASGI: for ASGI middleware of your own around the app, such as a monitoring agent.",
        choices=ON_OFF,
    )
    fragment_cache_bytes: int = setting(
        64_000_000, "Room for parts of answers that are kept encoded; 0 keeps none.", least=0, formerly="PART_BYTES"
    )
    response_cache_bytes: int = setting(
        32_000_000,
        "Room for whole answers that are kept encoded, and given again; 0 keeps none.",
        least=0,
        formerly="ANSWER_BYTES",
    )
    max_body_bytes: int = setting(256_000, "Largest body of a GraphQL request.", least=1)
    status_policy: str = setting(
        "audits",
        "Statuses of GraphQL's answers: those that the audits of `graphql-http` ask for (`audits`), or those of the September "
        "2026 edition of GraphQL over HTTP (`2026`).",
        choices=("audits", "2026"),
        formerly="STATUSES",
    )
    incremental: str = setting(
        "off",
        "`on` gives the schema `@defer` and `@stream`, for clients that accept `multipart/mixed`.",
        choices=ON_OFF,
    )
    apq_documents: int = setting(
        1000, "Automatic persisted queries that a process keeps; 0 switches them off.", least=0
    )
    apq_bytes: int = setting(4_000_000, "Room for their texts.", least=1)
    persisted: tuple[Path, ...] = setting(
        (), "Manifests of trusted documents (GraphQL Code Generator's, Relay's, Apollo's), separated as in PATH."
    )
    persisted_mode: str = setting(
        "",
        "What may be asked by id from those manifests: nothing (`off`), their documents beside any other (`allow`), or `only` "
        "they and nothing else. Unset: `allow` where there is a manifest.",
        choices=("off", "allow", "only"),
    )
    release_max_age: float = setting(
        86400.0,
        "How long browsers and proxies may keep answers that hold nothing but a numbered release.",
        least=0,
        formerly="CACHE_RELEASE",
    )
    current_max_age: float = setting(
        60.0, "How long they may keep answers that a new release changes.", least=0, formerly="CACHE_CURRENT"
    )
    streaming_connections: int = setting(
        1000,
        "Most WebSockets and streams of events that are open at once, in each process.",
        least=0,
        formerly="LIVE_CONNECTIONS",
    )
    streaming_connections_per_client: int = setting(
        100,
        "Maximum number of WebSockets and event streams that one client has open, in each process. A client is a key or, "
        "without keys, an IPv4 address or a /64 network of IPv6.",
        least=1,
        formerly="LIVE_CONNECTIONS_PER_CLIENT",
    )
    websocket_operations: int = setting(
        20, "Most operations at once on one WebSocket.", least=1, formerly="LIVE_OPERATIONS"
    )
    websocket_messages: int = setting(
        50,
        "Maximum number of messages per second on one WebSocket, averaged over ten seconds.",
        least=1,
        formerly="LIVE_MESSAGES",
    )
    websocket_frames: int = setting(
        200,
        "Maximum number of frames per second on one WebSocket, pings and fragments included, averaged over ten seconds.",
        least=1,
        formerly="LIVE_FRAMES",
    )
    websocket_unsent_bytes: int = setting(
        64_000_000,
        "Maximum size of all responses in a process that wait for WebSocket clients to read them; beyond that, clients that "
        "read too slowly are disconnected.",
        least=0,
        formerly="LIVE_UNSENT_BYTES",
    )
    websocket_init_timeout: float = setting(
        5.0,
        "Longest time that a WebSocket stays open before its client has sent `connection_init`.",
        least=0.001,
        formerly="LIVE_INIT_TIMEOUT",
    )
    websocket_idle_timeout: float = setting(
        60.0,
        "Longest time that a WebSocket stays open without a running operation or a message.",
        least=0.001,
        formerly="LIVE_IDLE_TIMEOUT",
    )
    cors_origins: str = setting(
        "",
        "Origins of web pages that may use this server, separated by commas: `https://example.org`, `https://*.example.org` for"
        " subdomains, `http://localhost:*` for any port, `capacitor://localhost`; `*` for all, `none` for none. Unset: pages on"
        " this machine (localhost, 127.0.0.1, [::1]) if COMPETENT_HOST is a loopback address and COMPETENT_ACCESS is `off`, "
        "otherwise none.",
    )
    max_document_characters: int = setting(
        50_000, "Longest GraphQL document.", least=1, formerly="MAX_DOCUMENT_LETTERS"
    )
    max_tokens: int = setting(
        2000,
        "Maximum number of tokens in one GraphQL document; comments are counted separately, with the same limit.",
        least=1,
    )
    max_depth: int = setting(20, "Most levels of fields within fields.", least=1)
    max_aliases: int = setting(100, "Most aliases, fragments followed.", least=0)
    max_root_fields: int = setting(50, "Most fields at the root of an operation, fragments followed.", least=1)
    max_directives: int = setting(100, "Most directives, fragments followed.", least=0)
    max_fragments: int = setting(100, "Most fragments in one GraphQL document.", least=0)
    max_variable_values: int = setting(
        5000, "Most values in the variables, those inside of lists and objects counted.", least=0
    )
    max_cost: int = setting(
        50_000,
        "Maximum cost of one operation in units of work: a value is one unit, queries to the index cost more (docs/limits.md).",
        least=1,
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read every setting, or raise SettingsError with all that is wrong with them."""
        return cls(**read(fields(cls), environment))

    @property
    def is_remote(self) -> bool:
        """True where a Competent API is asked over the network, and not the sandbox."""
        return bool(self.upstream_url)

    @property
    def origins(self) -> Origins:
        """The origins of web pages that may use this server; SettingsError for a text that is no origin."""
        named = [each.strip() for each in self.cors_origins.split(",") if each.strip()]
        if not named and self.host in LOOPBACK and self.access == "off":
            named = list(LOCAL)
        try:
            return Origins(named if named != [NONE] else ())
        except ValueError as error:
            raise SettingsError(
                f"COMPETENT_CORS_ORIGINS: {str(error)!r} is not an origin; write it as a browser does, https://example.org, "
                "with `*.` only before a host and `:*` only after it"
            ) from None

    @property
    def proxies(self) -> list[str]:
        """The proxies whose word is taken for the client's address; SettingsError for what is neither address nor network."""
        named = [each.strip() for each in self.trusted_proxies.split(",") if each.strip()]
        if named == [NONE]:
            return []
        for each in named:
            if each != ANY and not is_network(each):
                raise SettingsError(
                    f"COMPETENT_TRUSTED_PROXIES: {each!r} is neither an address nor a network such as 10.0.0.0/8"
                )
        return [ANY] if ANY in named else named

    def checked(self) -> "Settings":
        """These settings, or SettingsError where one is none of its choices, or they do not go together."""
        check(self)
        return self

    def key(self) -> Secret:
        """The key for the Competent API, from the setting or its file; empty where there is none."""
        return self.api_key if self.api_key.reveal() or self.api_key_file is None else read_key(self.api_key_file)
