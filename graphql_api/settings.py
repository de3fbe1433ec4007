"""All settings in one list: name, default, help. Immutable once read, and an unknown `COMPETENT_…` stops the start.

A setting `upstream_url` is read from the environment variable `COMPETENT_UPSTREAM_URL`, and so on.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from graphql_api.errors import SettingsError
from graphql_api.secret import Secret

PREFIX = "COMPETENT_"
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+", re.ASCII)


def _setting(default: Any, help: str, *, least: float | None = None, most: float = math.inf) -> Any:
    return field(default=default, metadata={"help": help, "least": least, "most": most})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator chose. Times are in seconds, sizes in bytes."""

    upstream_url: str = _setting("", "Base of the Competent API to ask; unset: the sandbox in this process.")
    api_key: Secret = _setting(Secret(""), "Key for the Competent API, sent as X-IBM-Client-Id.")
    api_key_file: Path | None = _setting(None, "File with that key, instead of the key itself.")
    data: tuple[Path, ...] = _setting(
        (), "Competent's Excel exports for the sandbox to serve, one release each, separated as in PATH."
    )
    store: str = _setting(
        "",
        "Where documents are kept: `memory:`, `sqlite:PATH`, or a Valkey server that replicas share (`valkey://…`). Unset: a "
        "file in the user's cache folder over the real API, memory over the sandbox.",
    )
    cache_dir: Path | None = _setting(None, "Folder for what can be made again. Unset: the user's cache folder.")
    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8000, "Port to listen on; 0 takes a free one.", least=0, most=65535)
    workers: int = _setting(1, "Processes that serve.", least=1)
    log: str = _setting("info", "How much is logged: debug, info, warning or error.")
    log_format: str = _setting(
        "", "How it is written: `json`, or `console` for people. Unset: `console` on a terminal, else `json`."
    )
    log_texts: str = _setting(
        "off", "`on` also logs what clients wrote: the GraphQL document and the values of its variables."
    )
    metrics: str = _setting(
        "on", "Where Prometheus finds metrics: `on`: under /metrics; a number: on a port of their own; `off`: nowhere."
    )
    max_operations: int = _setting(
        1000,
        "Most operations that are under way at once in one process; at most half of them wait for the Competent API.",
        least=2,
    )
    max_working: int = _setting(8, "Most operations of those that do not wait, but are worked on.", least=1)
    max_queue: int = _setting(
        256, "Most operations that wait for a place; what comes beyond is told 503 at once.", least=0
    )
    queue_timeout: float = _setting(
        0.4, "Longest wait for a place; who would wait for more than a third of it is told 503 at once.", least=0
    )
    request_timeout: float = _setting(10.0, "Longest time in which a request must arrive, head and body.", least=0.001)
    idle_timeout: float = _setting(
        10.0,
        "Longest time for which a connection is kept without a request; longer than that of the proxy before it.",
        least=1,
    )
    head_bytes: int = _setting(32_768, "Largest head of a request.", least=1024)
    drain: float = _setting(
        0.5, "How long requests are still taken once the server is told to stop, while readiness says no.", least=0
    )
    stop_timeout: int = _setting(10, "Longest time that running operations get after that.", least=0)
    operation_timeout: float = _setting(
        5.0,
        "Longest time for one operation; what is not there by then is UPSTREAM_TIMEOUT on its field. A client shortens it "
        "with the header `X-Competent-Timeout`.",
        least=0.001,
    )
    connect_timeout: float = _setting(0.5, "Longest wait for a connection to the Competent API.", least=0.001)
    attempt_timeout: float = _setting(
        1.5, "Longest time for one call to the Competent API, body included; another may follow it.", least=0.001
    )
    total_timeout: float = _setting(
        5.0,
        "Longest time for one document of the Competent API, with all attempts and the waits between them.",
        least=0.001,
    )
    upstream_concurrency: int = _setting(40, "Most calls to the Competent API at once.", least=1)
    plan: int = _setting(
        1900,
        "Most calls in any minute to one route of the Competent API; a quarter of them is kept from the walk that fills an "
        "index. 0: no limit.",
        least=0,
    )
    operation_calls: int = _setting(60, "Most documents that one operation may cause to be asked upstream.", least=1)
    document_bytes: int = _setting(8_000_000, "Largest document that is read, after inflating.", least=1)
    page_size: int = _setting(500, "Items asked for with each page of a list.", least=1)
    memory_bytes: int = _setting(
        128_000_000,
        "Bytes of memory that documents may take, parsed, a part that several of them have counted once; a release at real "
        "size takes 60 MB.",
        least=0,
    )
    store_bytes: int = _setting(
        1_000_000_000, "Largest size of the file that documents are kept in; the oldest are let go of.", least=0
    )
    keep_release: float = _setting(
        30 * 86400.0, "How long documents of a numbered release are fresh; they do not change once published.", least=0
    )
    keep_current: float = _setting(
        300.0, "How long the answer to `which release is current` is fresh, and the list of releases.", least=0
    )
    serve_stale: float = _setting(
        7 * 86400.0,
        "How long a document that is no longer fresh is served all the same, while it is asked for again or cannot be had.",
        least=0,
    )
    keep_missing: float = _setting(
        60.0, "How long a document that the Competent API does not have is not asked for again.", least=0
    )
    index: str = _setting(
        "",
        "When releases are indexed: at the `start`, at first `need`, or `off`. Unset: at first need over the real API, at the "
        "start over the sandbox.",
    )
    walk_concurrency: int = _setting(8, "Most requests at once of the walk that fills an index.", least=1)
    federation: str = _setting("off", "`on` lets a router of Apollo Federation ask this server as a subgraph.")
    access: str = _setting(
        "off",
        "Who may ask: anybody (`off`), clients with keys of this server (`keys`), or clients with their own key for the "
        "Competent API, which goes upstream (`passthrough`).",
    )
    keys_file: Path | None = _setting(
        None,
        "File of the keys that `competent-graphql key` makes. Unset: `keys.json` in the user's configuration folder.",
    )
    keys_per_minute: int = _setting(
        600, "Requests a minute that a key is good for which has no quota of its own.", least=1
    )
    introspection: str = _setting("on", "`off` refuses introspection, and suggests no names in errors.")
    graphiql: str = _setting("on", "`off` serves no GraphiQL.")
    plans: str = _setting("on", "`off` runs every operation by graphql-core: slower, with the same answers.")
    part_bytes: int = _setting(64_000_000, "Room for parts of answers that are kept encoded; 0 keeps none.", least=0)
    max_body_bytes: int = _setting(256_000, "Largest body of a GraphQL request.", least=1)
    statuses: str = _setting(
        "audits",
        "Statuses of GraphQL's answers: those that the audits of `graphql-http` ask for (`audits`), or those of the September "
        "2026 edition of GraphQL over HTTP (`2026`).",
    )
    incremental: str = _setting(
        "off", "`on` gives the schema `@defer` and `@stream`, for clients that accept `multipart/mixed`."
    )
    apq_documents: int = _setting(
        1000, "Automatic persisted queries that a process keeps; 0 switches them off.", least=0
    )
    apq_bytes: int = _setting(4_000_000, "Room for their texts.", least=1)
    persisted: tuple[Path, ...] = _setting(
        (), "Manifests of trusted documents (GraphQL Code Generator's, Relay's, Apollo's), separated as in PATH."
    )
    persisted_mode: str = _setting(
        "",
        "What may be asked by id from those manifests: nothing (`off`), their documents beside any other (`allow`), or `only` "
        "they and nothing else. Unset: `allow` where there is a manifest.",
    )
    cache_release: float = _setting(
        86400.0, "How long browsers and proxies may keep answers that hold nothing but a numbered release.", least=0
    )
    cache_current: float = _setting(60.0, "How long they may keep answers that a new release changes.", least=0)
    live_connections: int = _setting(
        1000, "Most WebSockets and streams of events that are open at once, in each process.", least=0
    )
    live_operations: int = _setting(20, "Most operations at once on one WebSocket.", least=1)
    cors_origins: str = _setting(
        "", "Origins of web pages that may ask, such as `https://example.org`, separated by commas; `*` for all."
    )
    max_document_letters: int = _setting(50_000, "Longest GraphQL document.", least=1)
    max_tokens: int = _setting(
        1000, "Most tokens in one GraphQL document; comments are counted apart, to as many.", least=1
    )
    max_depth: int = _setting(20, "Most levels of fields within fields.", least=1)
    max_aliases: int = _setting(100, "Most aliases, fragments followed.", least=0)
    max_root_fields: int = _setting(50, "Most fields at the root of an operation, fragments followed.", least=1)
    max_directives: int = _setting(100, "Most directives, fragments followed.", least=0)
    max_fragments: int = _setting(100, "Most fragments in one GraphQL document.", least=0)
    max_variable_values: int = _setting(
        5000, "Most values in the variables, those inside of lists and objects counted.", least=0
    )
    max_cost: int = _setting(
        50_000,
        "Most values that the answer to one operation may have, with lists as long as they typically are.",
        least=1,
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read every setting, or raise SettingsError with all that is wrong with them."""
        known = {variable(each): each for each in fields(cls)}
        given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
        faults = [f"{name} is not a setting of this server" for name in sorted(given.keys() - known.keys())]
        values: dict[str, Any] = {}
        for name in given.keys() & known.keys():
            try:
                values[known[name].name] = _parse(known[name], given[name])
            except ValueError as error:
                faults.append(f"{name} {error}")
        if faults:
            raise SettingsError("; ".join(faults) + ". docs/settings.md lists all settings.")
        return cls(**values)

    @property
    def live(self) -> bool:
        """True where a Competent API is asked over the network, and not the sandbox."""
        return bool(self.upstream_url)

    @property
    def origins(self) -> list[str]:
        """The origins of web pages that may ask."""
        return [each.strip() for each in self.cors_origins.split(",") if each.strip()]

    def checked(self) -> "Settings":
        """These settings, or SettingsError where they do not go together."""
        if self.live:
            self._check_upstream()
            self.key()
        if self.live and self.data:
            raise SettingsError("COMPETENT_DATA is served by the sandbox; it has no use with COMPETENT_UPSTREAM_URL")
        if self.index not in ("", "start", "need", "off"):
            raise SettingsError("COMPETENT_INDEX is one of start, need, off")
        if self.incremental not in ("on", "off"):
            raise SettingsError("COMPETENT_INCREMENTAL is one of on, off")
        if self.statuses not in ("audits", "2026"):
            raise SettingsError("COMPETENT_STATUSES is one of audits, 2026")
        if self.persisted_mode not in ("", "off", "allow", "only"):
            raise SettingsError("COMPETENT_PERSISTED_MODE is one of off, allow, only")
        if self.persisted_mode in ("allow", "only") and not self.persisted:
            raise SettingsError("COMPETENT_PERSISTED_MODE needs manifests: set COMPETENT_PERSISTED")
        for origin in self.origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise SettingsError(
                    f"COMPETENT_CORS_ORIGINS: {origin!r} is no origin; write it as a browser does, https://example.org"
                )
        if self.log not in ("debug", "info", "warning", "error"):
            raise SettingsError("COMPETENT_LOG is one of debug, info, warning, error")
        if self.access not in ("off", "keys", "passthrough"):
            raise SettingsError("COMPETENT_ACCESS is one of off, keys, passthrough")
        for name in ("federation", "introspection", "graphiql", "log_texts", "plans"):
            if getattr(self, name) not in ("on", "off"):
                raise SettingsError(f"{PREFIX}{name.upper()} is on or off")
        if self.log_format not in ("", "json", "console"):
            raise SettingsError("COMPETENT_LOG_FORMAT is json or console")
        if not (self.metrics in ("on", "off") or (self.metrics.isdecimal() and 0 < int(self.metrics[:6]) < 65536)):
            raise SettingsError("COMPETENT_METRICS is on, off or the number of a port")
        return self

    def _check_upstream(self) -> None:
        url = _url(self.upstream_url)
        if url is None:
            raise SettingsError(
                "COMPETENT_UPSTREAM_URL must be the base of a Competent API, such as "
                "https://api.vdab.be/services/opendata/competent/v2"
            )
        loopback = url.hostname in ("127.0.0.1", "::1", "localhost")
        if url.scheme == "http" and not loopback:
            raise SettingsError("COMPETENT_UPSTREAM_URL must use https: the key would go over the network in the clear")
        if not loopback and not self.key().reveal():
            raise SettingsError(
                "the Competent API needs a key: set COMPETENT_API_KEY or COMPETENT_API_KEY_FILE "
                "(docs/live-api.md says where keys come from), or unset COMPETENT_UPSTREAM_URL to use the sandbox"
            )

    def key(self) -> Secret:
        """The key for the Competent API, from the setting or its file; empty where there is none."""
        key = self.api_key if self.api_key.reveal() or self.api_key_file is None else _read_key(self.api_key_file)
        if not (key.reveal().isascii() and key.reveal().isprintable()):
            raise SettingsError("the key for the Competent API must be one line of plain letters, digits and signs")
        return key


def _url(text: str) -> SplitResult | None:
    """The base of an API, without user, query and fragment; None for anything else."""
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        return None
    return url if usable and not (url.query or url.fragment or url.username) else None


def _read_key(file: Path) -> Secret:
    try:
        return Secret(file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"COMPETENT_API_KEY_FILE cannot be read: {file}") from error


def variable(setting: "Field[Any]") -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.name.upper()


def _parse(setting: "Field[Any]", text: str) -> Any:
    if isinstance(setting.default, tuple):
        return tuple(Path(each) for each in text.split(os.pathsep) if each)
    if setting.name in ("api_key_file", "cache_dir", "keys_file"):
        return Path(text) if text else None
    if isinstance(setting.default, Secret):
        return Secret(text.strip())
    if isinstance(setting.default, str):
        return text.strip()
    return _number(setting, text)


def _number(setting: "Field[Any]", text: str) -> int | float:
    kind = int if isinstance(setting.default, int) else float
    try:
        number = kind(text)
    except ValueError:
        raise ValueError(f"must be a {'whole ' if kind is int else ''}number, not {text!r}") from None
    if not number >= setting.metadata["least"]:
        raise ValueError(f"must be at least {setting.metadata['least']}, not {text!r}")
    if number > setting.metadata["most"]:
        raise ValueError(f"must be at most {setting.metadata['most']}, not {text!r}")
    return number
