"""What is cached where and for how long: documents, responses, the index of a release."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graphql_api.settings.environment import Section


@dataclass(frozen=True)
class CacheSettings:
    """Settings of the store, of caches in memory and of the index."""

    store: str = Section.MOST_USED(
        "",
        "Where documents are cached: `memory:`, `sqlite:PATH`, or a Valkey server that replicas share (`valkey://HOST:PORT`). "
        "Unset: a SQLite file in COMPETENT_CACHE_DIR with the real API, memory with the sandbox.",
    )

    cache_dir: Path | None = Section.STORE(
        None,
        "Folder for cached documents and indexes; safe to delete while the server is stopped, except indexes of releases that "
        "Competent no longer serves. Unset: `competent-graphql` in the user's cache folder.",
    )
    store_bytes: int = Section.STORE(
        1_000_000_000,
        "Maximum size of the SQLite file of cached documents, in bytes; the oldest documents are evicted first.",
        minimum=0,
    )
    document_cache_bytes: int = Section.STORE(
        128_000_000,
        "Memory per process for parsed documents, in bytes. 6,500 documents take about 36 MB, 21,000 about 95 MB; the log says "
        "if a release does not fit.",
        minimum=0,
        formerly="MEMORY_BYTES",
    )
    response_cache_bytes: int = Section.STORE(
        32_000_000,
        "Memory per process for whole encoded responses, in bytes. 0 disables this cache.",
        minimum=0,
        formerly="ANSWER_BYTES",
    )
    release_ttl: float = Section.STORE(
        30 * 86400.0,
        "How long documents of a numbered release are fresh, in seconds (30 days by default). Published releases do not change.",
        minimum=0,
        formerly="KEEP_RELEASE",
    )
    current_ttl: float = Section.STORE(
        300.0,
        "How long the list of releases and the number of the current one are fresh, in seconds: new releases are noticed within "
        "twice this time.",
        minimum=0,
        formerly="KEEP_CURRENT",
    )
    stale_ttl: float = Section.STORE(
        7 * 86400.0,
        "How long expired documents may still be served while they are revalidated or the Competent API is down, in seconds (7 "
        "days by default).",
        minimum=0,
        formerly="SERVE_STALE",
    )
    not_found_ttl: float = Section.STORE(
        60.0,
        "How long to remember that the Competent API does not have a document, in seconds.",
        minimum=0,
        formerly="KEEP_MISSING",
    )
    release_max_age: float = Section.STORE(
        86400.0,
        "`Cache-Control: max-age` of responses that depend on numbered releases only, in seconds (1 day by default).",
        minimum=0,
        formerly="CACHE_RELEASE",
    )
    current_max_age: float = Section.STORE(
        60.0,
        "`Cache-Control: max-age` of responses that change when a release is published, in seconds.",
        minimum=0,
        formerly="CACHE_CURRENT",
    )

    index: Literal["", "start", "need", "off"] = Section.INDEX(
        "",
        "When to index a release, which search and reverse links need: at the `start`, when a query first needs it (`need`), or "
        "never (`off`). Unset: `need` with the real API, `start` with the sandbox.",
        choices=("start", "need", "off"),
    )
    crawl_concurrency: int = Section.INDEX(
        8,
        "Maximum number of simultaneous calls to the Competent API while a release is crawled for its index.",
        minimum=1,
        formerly="WALK_CONCURRENCY",
    )
    embeddings: str = Section.INDEX(
        "auto",
        "How search compares the meaning of texts: with the sentence encoder of the extra `semantic` if that is installed "
        "(`auto`), not at all (`off`), or with a service of your own that has the embeddings endpoint of OpenAI's API: its base "
        "URL, such as `http://127.0.0.1:8080/v1`. All texts of a release and all search texts are sent to that service.",
    )
    embeddings_model: str = Section.INDEX(
        "default", "Name of the model that the service in COMPETENT_EMBEDDINGS is to use."
    )
    embeddings_key_file: Path | None = Section.INDEX(
        None,
        "File that holds the key for the service in COMPETENT_EMBEDDINGS, sent as a bearer token; needs https. Unset: no key "
        "is sent.",
    )
