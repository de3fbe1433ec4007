"""All settings: name, default, help and section. The server refuses to start with an unknown `COMPETENT_…` variable.

The setting `upstream_url` is read from the environment variable `COMPETENT_UPSTREAM_URL`, and so on. `make docs` writes the
tables of docs/settings.md from this list.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from graphql_api.errors import SettingsError
from graphql_api.settings.environment import PREFIX, Secret, Section, read, read_key, variable
from graphql_api.settings.origins import ANY, LOCAL, NONE, Origins
from graphql_api.settings.validation import (
    LOOPBACK,
    check_choices,
    check_embeddings,
    check_metrics,
    check_persisted,
    check_public_url,
    check_remote,
    check_root_path,
    is_network,
)

__all__ = ["PREFIX", "Settings", "variable"]

ON_OFF = ("on", "off")


_most_used = Section("The ten settings that most people need")
_upstream = Section("Competent API")
_sandbox = Section("Sandbox")
_store = Section("Store and caches")
_index = Section("Index")
_server = Section("Server and connections")
_load = Section("Timeouts and load")
_access = Section("Keys of clients")
_data = Section("What is said about the data")
_graphql = Section("GraphQL")
_persisted = Section("Persisted queries")
_limits = Section("Limits of a GraphQL document")
_streaming = Section("WebSockets and event streams")
_logs = Section("Logs and metrics")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, with defaults. Times are in seconds, sizes in bytes."""

    upstream_url: str = _most_used(
        "",
        "Base URL of the Competent API, such as `https://api.vdab.be/services/opendata/competent/v2`. Unset: the server uses "
        "its built-in sandbox.",
    )
    api_key: Secret = _most_used(
        Secret(""),
        "Key for the Competent API, sent as `X-IBM-Client-Id`. Required with COMPETENT_UPSTREAM_URL. Free and self-service at "
        "developer.vdab.be/opendata.",
    )
    data: tuple[Path, ...] = _most_used(
        (),
        "Excel exports of Competent, or NDJSON exports of this server, for the sandbox, one release per file: files or folders, "
        "separated as in PATH. Unset: the sandbox serves bundled example data.",
    )
    host: str = _most_used(
        "127.0.0.1", "IP address or host name to listen on. The default accepts connections from this machine only."
    )
    port: int = _most_used(8000, "TCP port to listen on; 0 picks a free one.", minimum=0, maximum=65535)
    workers: int = _most_used(
        1, "Number of server processes. Each uses one CPU core and has its own caches in memory.", minimum=1
    )
    store: str = _most_used(
        "",
        "Where documents are cached: `memory:`, `sqlite:PATH`, or a Valkey server that replicas share (`valkey://HOST:PORT`). "
        "Unset: a SQLite file in COMPETENT_CACHE_DIR with the real API, memory with the sandbox.",
    )
    access: str = _most_used(
        "off",
        "Who may use the server: everyone (`off`), clients with a key of this server (`keys`), or clients with their own key "
        "for the Competent API, which is then used for their calls (`passthrough`).",
        choices=("off", "keys", "passthrough"),
    )
    cors_origins: str = _most_used(
        "",
        "Origins of web pages that may use this server, separated by commas: `https://example.org`, `https://*.example.org` for"
        " subdomains, `http://localhost:*` for any port, `capacitor://localhost`; `*` for all, `none` for none. Unset: pages on"
        " this machine (localhost, 127.0.0.1, [::1]) if COMPETENT_HOST is a loopback address and COMPETENT_ACCESS is `off`, "
        "otherwise none.",
    )
    trusted_proxies: str = _most_used(
        "127.0.0.1, ::1",
        "IP addresses and networks of trusted reverse proxies, separated by commas. `X-Forwarded-For` and `X-Forwarded-Proto` "
        "are used only if a trusted proxy sent them; `*` trusts everyone, `none` no one.",
    )

    api_key_file: Path | None = _upstream(
        None, "File that holds the key for the Competent API, instead of COMPETENT_API_KEY."
    )
    upstream_rate_limit: int = _upstream(
        1900,
        "Maximum number of calls per minute to one route of the Competent API, for all processes together. A crawl uses at most "
        "three quarters of it. 0: no limit. Set it a little below what the rate plan of your key allows.",
        minimum=0,
        formerly="PLAN",
    )
    upstream_concurrency: int = _upstream(
        40, "Maximum number of simultaneous calls to the Competent API per process; further calls wait.", minimum=1
    )
    upstream_connect_timeout: float = _upstream(
        0.5, "Timeout for connecting to the Competent API, in seconds.", minimum=0.001, formerly="CONNECT_TIMEOUT"
    )
    upstream_attempt_timeout: float = _upstream(
        1.5,
        "Timeout for one call to the Competent API including its response body, in seconds. A failed call may be retried.",
        minimum=0.001,
        formerly="ATTEMPT_TIMEOUT",
    )
    upstream_total_timeout: float = _upstream(
        5.0,
        "Timeout for fetching one document with all retries and the pauses between them, in seconds.",
        minimum=0.001,
        formerly="TOTAL_TIMEOUT",
    )
    operation_calls: int = _upstream(
        500,
        "Maximum number of documents that one operation may fetch from the Competent API. Fields that need more are null with "
        "NOT_LOADED_YET; sending the operation again fetches the next ones. Does not apply to the sandbox.",
        minimum=1,
    )
    upstream_document_bytes: int = _upstream(
        2_000_000,
        "Maximum size of a document from the Competent API, before and after decompression, in bytes.",
        minimum=1,
        formerly="DOCUMENT_BYTES",
    )
    upstream_page_size: int = _upstream(
        500, "Number of items requested per page of a list of the Competent API.", minimum=1, formerly="PAGE_SIZE"
    )

    lenient: str = _sandbox(
        "off",
        "`on` skips and logs unreadable rows of the files in COMPETENT_DATA; `off` refuses to start because of them.",
        choices=ON_OFF,
    )

    cache_dir: Path | None = _store(
        None,
        "Folder for cached documents and indexes; safe to delete while the server is stopped. Unset: `competent-graphql` in the "
        "user's cache folder.",
    )
    store_bytes: int = _store(
        1_000_000_000,
        "Maximum size of the SQLite file of cached documents, in bytes; the oldest documents are evicted first.",
        minimum=0,
    )
    document_cache_bytes: int = _store(
        128_000_000,
        "Memory per process for parsed documents, in bytes. 6,500 documents take about 50 MB, 21,000 about 140 MB; the log says "
        "if a release does not fit.",
        minimum=0,
        formerly="MEMORY_BYTES",
    )
    response_cache_bytes: int = _store(
        32_000_000,
        "Memory per process for whole encoded responses, in bytes. 0 disables this cache.",
        minimum=0,
        formerly="ANSWER_BYTES",
    )
    release_ttl: float = _store(
        30 * 86400.0,
        "How long documents of a numbered release are fresh, in seconds (30 days by default). Published releases do not change.",
        minimum=0,
        formerly="KEEP_RELEASE",
    )
    current_ttl: float = _store(
        300.0,
        "How long the list of releases and the number of the current one are fresh, in seconds: new releases are noticed within "
        "twice this time.",
        minimum=0,
        formerly="KEEP_CURRENT",
    )
    stale_ttl: float = _store(
        7 * 86400.0,
        "How long expired documents may still be served while they are revalidated or the Competent API is down, in seconds (7 "
        "days by default).",
        minimum=0,
        formerly="SERVE_STALE",
    )
    not_found_ttl: float = _store(
        60.0,
        "How long to remember that the Competent API does not have a document, in seconds.",
        minimum=0,
        formerly="KEEP_MISSING",
    )
    release_max_age: float = _store(
        86400.0,
        "`Cache-Control: max-age` of responses that depend on numbered releases only, in seconds (1 day by default).",
        minimum=0,
        formerly="CACHE_RELEASE",
    )
    current_max_age: float = _store(
        60.0,
        "`Cache-Control: max-age` of responses that change when a release is published, in seconds.",
        minimum=0,
        formerly="CACHE_CURRENT",
    )

    index: str = _index(
        "",
        "When to index a release, which search and reverse links need: at the `start`, when a query first needs it (`need`), or "
        "never (`off`). Unset: `need` with the real API, `start` with the sandbox.",
        choices=("start", "need", "off"),
    )
    crawl_concurrency: int = _index(
        8,
        "Maximum number of simultaneous calls to the Competent API while a release is crawled for its index.",
        minimum=1,
        formerly="WALK_CONCURRENCY",
    )
    embeddings: str = _index(
        "auto",
        "How search compares the meaning of texts: with the sentence encoder of the extra `semantic` if that is installed "
        "(`auto`), not at all (`off`), or with a service of your own that has the embeddings endpoint of OpenAI's API: its base "
        "URL, such as `http://127.0.0.1:8080/v1`. All texts of a release and all search texts are sent to that service.",
    )
    embeddings_model: str = _index("default", "Name of the model that the service in COMPETENT_EMBEDDINGS is to use.")
    embeddings_key_file: Path | None = _index(
        None,
        "File that holds the key for the service in COMPETENT_EMBEDDINGS, sent as a bearer token; needs https. Unset: no key "
        "is sent.",
    )

    root_path: str = _server(
        "",
        "Path prefix under which a reverse proxy publishes this server, such as `/competent`, if the proxy does not remove it.",
    )
    public_url: str = _server(
        "",
        "Base URL under which clients reach this server, such as `https://competent.example.org`, with its path prefix if it has "
        "one. Absolute addresses begin with it: ids of linked data, links of the feed, canonical links of pages. Unset: addresses"
        " are relative, pages have no canonical link, and the command `export` writes no linked data.",
    )
    request_timeout: float = _server(
        10.0, "Maximum time for a request, headers and body, to arrive, in seconds; then 408.", minimum=0.001
    )
    idle_timeout: float = _server(
        90.0,
        "Time after which a connection without requests is closed, in seconds. Must be longer than the keep-alive time of a "
        "reverse proxy in front of the server, usually 75 seconds or less.",
        minimum=1,
    )
    max_header_bytes: int = _server(
        32_768,
        "Maximum size of the request line and headers together, in bytes; then 431.",
        minimum=1024,
        formerly="HEAD_BYTES",
    )
    max_body_bytes: int = _server(
        256_000,
        "Maximum size of a request body and of a WebSocket message, in bytes; then 413, or close code 1009.",
        minimum=1,
    )
    drain: float = _server(
        0.5,
        "How long the server keeps accepting requests after SIGTERM while `/health/ready` returns 503, in seconds. Raise it if "
        "your load balancer needs longer to notice.",
        minimum=0,
    )
    stop_timeout: int = _server(
        10, "How long running operations may take to finish after that, in seconds; the rest get 503.", minimum=0
    )
    fast_path: str = _server(
        "on",
        "`off` sends every request through ASGI. Set it if you wrap the app in your own ASGI middleware, for example an APM "
        "agent; cached responses then take about five times the CPU.",
        choices=ON_OFF,
    )

    operation_timeout: float = _load(
        5.0,
        "Timeout for one operation, in seconds. Fields that are not ready by then are null with UPSTREAM_TIMEOUT. A client can "
        "shorten it with the header `X-Competent-Timeout`.",
        minimum=0.001,
    )
    max_operations: int = _load(
        1000,
        "Maximum number of operations in progress per process. At most half of them may wait for the Competent API.",
        minimum=2,
    )
    max_executing: int = _load(
        8,
        "Maximum number of operations per process that execute at the same time (not waiting for the Competent API).",
        minimum=1,
        formerly="MAX_WORKING",
    )
    max_queue: int = _load(
        1000,
        "Maximum number of operations per process that wait to execute; further ones get 503 immediately.",
        minimum=0,
    )
    queue_timeout: float = _load(
        0.4,
        "Maximum time that an operation waits to execute under sustained overload, in seconds; one whose estimated wait exceeds "
        "a third of it gets 503 immediately.",
        minimum=0,
    )
    queue_burst: float = _load(
        5.0,
        "Additional time that operations may wait when a burst reaches an idle server, in seconds. It is spent one second per "
        "second while operations wait, and recovers twice as fast while none do.",
        minimum=0,
    )

    export_concurrency: int = _load(
        2, "Maximum number of exports per process that run at the same time; further ones get 503.", minimum=1
    )
    exports_per_hour: int = _load(
        10,
        "Maximum number of exports per client, hour and process; further ones get 429. A client is a key or, without keys, an "
        "IPv4 address or a /64 network of IPv6.",
        minimum=1,
    )
    export_min_rate: int = _load(
        50_000,
        "Bytes per second that the client of an export must read on average, after the first 30 seconds; slower ones are "
        "disconnected.",
        minimum=1,
    )

    keys_file: Path | None = _access(
        None,
        "File of client keys, written by `competent-graphql key`. Unset: `keys.json` in the user's configuration folder.",
    )
    key_requests_per_minute: int = _access(
        600, "Requests per minute for keys without a quota of their own.", minimum=1, formerly="KEYS_PER_MINUTE"
    )
    key_quota: str = _access(
        "requests",
        "What the quota of a key counts: `requests`, or the `cost` of operations, plus 50 units for each request.",
        choices=("requests", "cost"),
    )
    key_cost_per_minute: int = _access(
        500_000,
        "Cost per minute for keys without a quota of their own, with COMPETENT_KEY_QUOTA=cost. An operation that costs more than "
        "this is refused.",
        minimum=1,
    )
    pages: str = _access(
        "on",
        "The explorer at `/nl/`, `/fr/`, `/en/` and `/de/`: pages for people. `on`: served if access is open. `public`: served "
        "without a key even if clients need one; all readers together then have the quota of one key. "
        "`off`: not served.",
        choices=("on", "off", "public"),
    )
    wrong_keys_per_minute: int = _access(
        10,
        "Number of requests with a wrong key per minute and address that get 401 immediately; further ones get 429 after a "
        "second.",
        minimum=1,
    )

    license: str = _data(
        "Open data without restrictions on use, as stated on VDAB's developer portal (second hand, autumn 2026)",
        "The licence of the data, as text or URL: `license` of a release, in linked data and on the first page. Empty: unknown. "
        "The bundled data never has one.",
    )
    attribution: str = _data(
        "Competent, VDAB",
        "Who is to be named as the source of the data: `attribution` of a release. Empty: no one. The bundled data has none.",
    )

    titles: Path | None = _data(
        None,
        "CSV file with titles of ISCO-08 groups, for `Classification.title`: the columns `code`, `nl`, `fr`, `en` and `de`, in "
        "UTF-8. Lines that cannot be used are logged. Unset: groups have no titles.",
    )
    mapping: tuple[Path, ...] = _data(
        (),
        "Files that map concepts to other classifications (SSSOM), for `mappings` of a concept, separated as in PATH. Unset: no "
        "concept has mappings.",
    )

    introspection: str = _graphql(
        "on",
        "`off` refuses introspection, suggests no names in error messages and does not serve `/schema.graphql`.",
        choices=ON_OFF,
    )
    graphiql: str = _graphql("on", "`off` does not serve GraphiQL.", choices=ON_OFF)
    compiled_queries: str = _graphql(
        "on",
        "`off` executes every operation with graphql-core instead of compiling it: slower, with the same responses.",
        choices=ON_OFF,
        formerly="PLANS",
    )
    status_policy: str = _graphql(
        "audits",
        "HTTP status codes of GraphQL responses: those that the audits of `graphql-http` check (`audits`), or those of the "
        "September 2026 edition of the GraphQL-over-HTTP specification (`2026`).",
        choices=("audits", "2026"),
        formerly="STATUSES",
    )
    incremental: str = _graphql(
        "off",
        "`on` adds `@defer` and `@stream` to the schema, for clients that accept `multipart/mixed`.",
        choices=ON_OFF,
    )
    federation: str = _graphql(
        "off", "`on` lets an Apollo Federation router use this server as a subgraph.", choices=ON_OFF
    )

    apq_documents: int = _persisted(
        1000, "Maximum number of automatic persisted queries per process. 0 disables them.", minimum=0
    )
    apq_bytes: int = _persisted(
        4_000_000, "Maximum total size of automatic persisted queries per process, in bytes.", minimum=1
    )
    persisted: tuple[Path, ...] = _persisted(
        (),
        "Manifests of trusted documents, as GraphQL Code Generator, Relay and Apollo write them: files, separated as in PATH.",
    )
    persisted_mode: str = _persisted(
        "",
        "`allow` accepts the documents of those manifests by id, and any other document; `only` accepts nothing else; `off` "
        "ignores the manifests. Unset: `allow` if COMPETENT_PERSISTED is set, otherwise `off`.",
        choices=("off", "allow", "only"),
    )

    max_document_characters: int = _limits(
        50_000, "Maximum length of a GraphQL document, in characters.", minimum=1, formerly="MAX_DOCUMENT_LETTERS"
    )
    max_tokens: int = _limits(
        2000,
        "Maximum number of tokens in a GraphQL document. Comments are counted separately, with the same limit.",
        minimum=1,
    )
    max_depth: int = _limits(20, "Maximum depth of nested fields.", minimum=1)
    max_aliases: int = _limits(100, "Maximum number of aliases, with fragments expanded.", minimum=0)
    max_root_fields: int = _limits(50, "Maximum number of root fields, with fragments expanded.", minimum=1)
    max_directives: int = _limits(100, "Maximum number of directives, with fragments expanded.", minimum=0)
    max_fragments: int = _limits(100, "Maximum number of fragments in a GraphQL document.", minimum=0)
    max_variable_values: int = _limits(
        5000, "Maximum number of values in the variables, including those inside lists and objects.", minimum=0
    )
    max_cost: int = _limits(
        50_000,
        "Maximum cost of an operation. A value costs one unit, queries to the index cost more (see [limits](limits.md#cost)).",
        minimum=1,
    )

    streaming_connections: int = _streaming(
        1000,
        "Maximum number of open WebSockets and event streams (server-sent events) per process.",
        minimum=0,
        formerly="LIVE_CONNECTIONS",
    )
    streaming_connections_per_client: int = _streaming(
        100,
        "Maximum number of open WebSockets and event streams per client and process. A client is a key or, without keys, an "
        "IPv4 address or a /64 network of IPv6.",
        minimum=1,
        formerly="LIVE_CONNECTIONS_PER_CLIENT",
    )
    websocket_operations: int = _streaming(
        20, "Maximum number of simultaneous operations on one WebSocket.", minimum=1, formerly="LIVE_OPERATIONS"
    )
    websocket_messages: int = _streaming(
        50,
        "Maximum number of messages per second on one WebSocket, averaged over ten seconds; then close code 1008.",
        minimum=1,
        formerly="LIVE_MESSAGES",
    )
    websocket_frames: int = _streaming(
        200,
        "Maximum number of frames per second on one WebSocket, including pings and fragments, averaged over ten seconds; then "
        "close code 1008.",
        minimum=1,
        formerly="LIVE_FRAMES",
    )
    websocket_unsent_bytes: int = _streaming(
        64_000_000,
        "Memory per process for responses that WebSocket clients have not read yet, in bytes; beyond it slow clients are "
        "disconnected.",
        minimum=0,
        formerly="LIVE_UNSENT_BYTES",
    )
    websocket_init_timeout: float = _streaming(
        5.0,
        "Time within which a WebSocket client must send `connection_init`, in seconds; then close code 4408.",
        minimum=0.001,
        formerly="LIVE_INIT_TIMEOUT",
    )
    websocket_idle_timeout: float = _streaming(
        60.0,
        "Time after which a WebSocket without a running operation or a message is closed, in seconds.",
        minimum=0.001,
        formerly="LIVE_IDLE_TIMEOUT",
    )

    log: str = _logs(
        "info",
        "Lowest level that is logged: `debug`, `info`, `warning` or `error`.",
        choices=("debug", "info", "warning", "error"),
    )
    log_format: str = _logs(
        "",
        "Format of log lines: `json`, or `console` for people. Unset: `console` on a terminal, otherwise `json`.",
        choices=("json", "console"),
    )
    log_documents: str = _logs(
        "off",
        "`on` also logs the GraphQL document and the variables of each operation.",
        choices=ON_OFF,
        formerly="LOG_TEXTS",
    )
    log_addresses: str = _logs(
        "off", "`on` also logs the IP address of each client, and disables the fast path.", choices=ON_OFF
    )
    metrics: str = _logs(
        "on",
        "Where Prometheus metrics are served: at `/metrics` (`on`), on a port of their own (its number), or nowhere (`off`).",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read all settings. Raises SettingsError, which lists all faults."""
        return cls(**read(fields(cls), environment))

    @property
    def is_remote(self) -> bool:
        """True if the Competent API is called over the network, False if the sandbox in this process is used."""
        return bool(self.upstream_url)

    def absolute_url(self, path: str) -> str | None:
        """The absolute address of a path of this server, such as `id/3.11`; None if COMPETENT_PUBLIC_URL is unset.

        No address derives from the `Host` header, because responses are cached and a client can send any host.
        """
        return f"{self.public_url.rstrip('/')}/{path}" if self.public_url else None

    @property
    def origins(self) -> Origins:
        """The origins of web pages that may use this server. Raises SettingsError for an invalid origin."""
        origins = [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]
        if not origins and self.host in LOOPBACK and self.access == "off":
            origins = list(LOCAL)
        try:
            return Origins(origins if origins != [NONE] else ())
        except ValueError as error:
            raise SettingsError(
                f"COMPETENT_CORS_ORIGINS: {str(error)!r} is not an origin; write it as a browser does, https://example.org, "
                "with `*.` only before a host and `:*` only after it"
            ) from None

    @property
    def proxies(self) -> list[str]:
        """Addresses and networks of trusted proxies. Raises SettingsError for an invalid one."""
        addresses = [address.strip() for address in self.trusted_proxies.split(",") if address.strip()]
        if addresses == [NONE]:
            return []
        for address in addresses:
            if address != ANY and not is_network(address):
                raise SettingsError(
                    f"COMPETENT_TRUSTED_PROXIES: {address!r} is neither an address nor a network such as 10.0.0.0/8"
                )
        return [ANY] if ANY in addresses else addresses

    def checked(self) -> "Settings":
        """Return these settings. Raises SettingsError if one is invalid or two contradict each other."""
        if self.is_remote:
            check_remote(self.upstream_url, self.key().reveal(), self.data)
        check_choices({setting: getattr(self, setting.name) for setting in fields(self)})
        check_persisted(self.persisted_mode, self.persisted)
        self.origins  # noqa: B018  # raises SettingsError for an invalid origin
        self.proxies  # noqa: B018  # raises SettingsError for an invalid address
        check_root_path(self.root_path)
        check_public_url(self.public_url, self.root_path)
        check_metrics(self.metrics)
        check_embeddings(self.embeddings, self.embeddings_key_file)
        return self

    def key(self) -> Secret:
        """The key for the Competent API, from COMPETENT_API_KEY or its file; empty if neither is set."""
        return (
            self.api_key
            if self.api_key.reveal() or self.api_key_file is None
            else read_key(self.api_key_file, "API_KEY_FILE")
        )
