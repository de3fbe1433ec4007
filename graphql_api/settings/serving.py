"""How the server runs and for whom: connections, timeouts, load, keys of clients, logs and metrics."""

from dataclasses import dataclass
from pathlib import Path

from graphql_api.settings.environment import ON_OFF, Section


@dataclass(frozen=True)
class ServingSettings:
    """Settings of the server, its load, its clients and its logs."""

    host: str = Section.MOST_USED(
        "127.0.0.1", "IP address or host name to listen on. The default accepts connections from this machine only."
    )
    port: int = Section.MOST_USED(8000, "TCP port to listen on; 0 picks a free one.", minimum=0, maximum=65535)
    workers: int = Section.MOST_USED(
        1, "Number of server processes. Each uses one CPU core and has its own caches in memory.", minimum=1
    )

    root_path: str = Section.SERVER(
        "",
        "Path prefix under which a reverse proxy publishes this server, such as `/competent`, if the proxy does not remove it.",
    )
    public_url: str = Section.SERVER(
        "",
        "Base URL under which clients reach this server, such as `https://competent.example.org`, with its path prefix if it has "
        "one. Absolute addresses begin with it: ids of linked data, links of the feed, canonical links of pages, their "
        "sitemap. Unset: addresses are relative, pages have no canonical link and no sitemap, and the command `export` writes no "
        "linked data.",
    )
    request_timeout: float = Section.SERVER(
        10.0, "Maximum time for a request, headers and body, to arrive, in seconds; then 408.", minimum=0.001
    )
    idle_timeout: float = Section.SERVER(
        90.0,
        "Time after which a connection without requests is closed, in seconds. Must be longer than the keep-alive time of a "
        "reverse proxy in front of the server, usually 75 seconds or less.",
        minimum=1,
    )
    max_header_bytes: int = Section.SERVER(
        32_768,
        "Maximum size of the request line and headers together, in bytes; then 431.",
        minimum=1024,
        formerly="HEAD_BYTES",
    )
    max_body_bytes: int = Section.SERVER(
        256_000,
        "Maximum size of a request body and of a WebSocket message, in bytes; then 413, or close code 1009.",
        minimum=1,
    )
    drain: float = Section.SERVER(
        0.5,
        "How long the server keeps accepting requests after SIGTERM while `/health/ready` returns 503, in seconds. Raise it if "
        "your load balancer needs longer to notice.",
        minimum=0,
    )
    stop_timeout: int = Section.SERVER(
        10, "How long running operations may take to finish after that, in seconds; the rest get 503.", minimum=0
    )
    fast_path: str = Section.SERVER(
        "on",
        "`off` sends every request through ASGI. Set it if you wrap the app in your own ASGI middleware, for example an APM "
        "agent; cached responses then take about five times the CPU.",
        choices=ON_OFF,
    )

    operation_timeout: float = Section.LOAD(
        5.0,
        "Timeout for one operation, in seconds. Fields that are not ready by then are null with UPSTREAM_TIMEOUT. A client can "
        "shorten it with the header `X-Competent-Timeout`.",
        minimum=0.001,
    )
    max_operations: int = Section.LOAD(
        1000,
        "Maximum number of operations in progress per process. At most half of them may wait for the Competent API.",
        minimum=2,
    )
    max_executing: int = Section.LOAD(
        8,
        "Maximum number of operations per process that execute at the same time (not waiting for the Competent API).",
        minimum=1,
        formerly="MAX_WORKING",
    )
    max_queue: int = Section.LOAD(
        1000,
        "Maximum number of operations per process that wait to execute; further ones get 503 immediately.",
        minimum=0,
    )
    queue_timeout: float = Section.LOAD(
        0.4,
        "Maximum time that an operation waits to execute under sustained overload, in seconds; one whose estimated wait exceeds "
        "a third of it gets 503 immediately.",
        minimum=0,
    )
    queue_burst: float = Section.LOAD(
        5.0,
        "Additional time that operations may wait when a burst reaches an idle server, in seconds. It is spent one second per "
        "second while operations wait, and recovers twice as fast while none do.",
        minimum=0,
    )
    export_concurrency: int = Section.LOAD(
        2, "Maximum number of exports per process that run at the same time; further ones get 503.", minimum=1
    )
    exports_per_hour: int = Section.LOAD(
        10,
        "Maximum number of exports per client, hour and process; further ones get 429. A client is a key or, without keys, an "
        "IPv4 address or a /64 network of IPv6.",
        minimum=1,
    )
    export_min_rate: int = Section.LOAD(
        50_000,
        "Bytes per second that the client of an export must read on average, after the first 30 seconds; slower ones are "
        "disconnected.",
        minimum=1,
    )

    log: str = Section.LOGS(
        "info",
        "Lowest level that is logged: `debug`, `info`, `warning` or `error`.",
        choices=("debug", "info", "warning", "error"),
    )
    log_format: str = Section.LOGS(
        "",
        "Format of log lines: `json`, or `console` for people. Unset: `console` on a terminal, otherwise `json`.",
        choices=("json", "console"),
    )
    log_documents: str = Section.LOGS(
        "off",
        "`on` also logs the GraphQL document and the variables of each operation.",
        choices=ON_OFF,
        formerly="LOG_TEXTS",
    )
    log_addresses: str = Section.LOGS(
        "off", "`on` also logs the IP address of each client, and disables the fast path.", choices=ON_OFF
    )
    metrics: str = Section.LOGS(
        "on",
        "Where Prometheus metrics are served: at `/metrics` (`on`), on a port of their own (its number), or nowhere (`off`).",
    )

    access: str = Section.MOST_USED(
        "off",
        "Who may use the server: everyone (`off`), clients with a key of this server (`keys`), or clients with their own key "
        "for the Competent API, which is then used for their calls (`passthrough`).",
        choices=("off", "keys", "passthrough"),
    )
    cors_origins: str = Section.MOST_USED(
        "",
        "Origins of web pages that may use this server, separated by commas: `https://example.org`, `https://*.example.org` for"
        " subdomains, `http://localhost:*` for any port, `capacitor://localhost`; `*` for all, `none` for none. Unset: pages on"
        " this machine (localhost, 127.0.0.1, [::1]) if COMPETENT_HOST is a loopback address and COMPETENT_ACCESS is `off`, "
        "otherwise none.",
    )
    trusted_proxies: str = Section.MOST_USED(
        "127.0.0.1, ::1",
        "IP addresses and networks of trusted reverse proxies, separated by commas. `X-Forwarded-For` and `X-Forwarded-Proto` "
        "are used only if a trusted proxy sent them; `*` trusts everyone, `none` no one.",
    )

    keys_file: Path | None = Section.ACCESS(
        None,
        "File of client keys, written by `competent-graphql key`. Unset: `keys.json` in the user's configuration folder.",
    )
    key_requests_per_minute: int = Section.ACCESS(
        600, "Requests per minute for keys without a quota of their own.", minimum=1, formerly="KEYS_PER_MINUTE"
    )
    key_quota: str = Section.ACCESS(
        "requests",
        "What the quota of a key counts: `requests`, or the `cost` of operations, plus 50 units for each request.",
        choices=("requests", "cost"),
    )
    key_cost_per_minute: int = Section.ACCESS(
        500_000,
        "Cost per minute for keys without a quota of their own, with COMPETENT_KEY_QUOTA=cost. An operation that costs more than "
        "this is refused.",
        minimum=1,
    )
    pages: str = Section.ACCESS(
        "on",
        "The explorer at `/nl/`, `/fr/`, `/en/` and `/de/`: pages for people. `on`: served if access is open. `public`: served "
        "without a key even if clients need one; all readers together then have the quota of one key. "
        "`off`: not served.",
        choices=("on", "off", "public"),
    )
    wrong_keys_per_minute: int = Section.ACCESS(
        10,
        "Number of requests with a wrong key per minute and address that get 401 immediately; further ones get 429 after a "
        "second.",
        minimum=1,
    )
