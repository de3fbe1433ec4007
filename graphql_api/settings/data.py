"""Where the data comes from, and what is said about it: the Competent API, the sandbox, files of an operator."""

from dataclasses import dataclass
from pathlib import Path

from graphql_api.settings.environment import ON_OFF, Secret, Section


@dataclass(frozen=True)
class DataSettings:
    """Settings of the Competent API, of the sandbox, and of files with data."""

    upstream_url: str = Section.MOST_USED(
        "",
        "Base URL of the Competent API, such as `https://api.vdab.be/services/opendata/competent/v2`. Unset: the server uses "
        "its built-in sandbox.",
    )
    api_key: Secret = Section.MOST_USED(
        Secret(""),
        "Key for the Competent API, sent as `X-IBM-Client-Id`. Required with COMPETENT_UPSTREAM_URL. Free and self-service at "
        "developer.vdab.be/opendata.",
    )
    data: tuple[Path, ...] = Section.MOST_USED(
        (),
        "Excel exports of Competent, or NDJSON exports of this server, for the sandbox, one release per file: files or folders, "
        "separated as in PATH. Unset: the sandbox serves bundled example data.",
    )

    api_key_file: Path | None = Section.UPSTREAM(
        None, "File that holds the key for the Competent API, instead of COMPETENT_API_KEY."
    )
    upstream_rate_limit: int = Section.UPSTREAM(
        1900,
        "Maximum number of calls per minute to one route of the Competent API, for all processes together. A crawl uses at most "
        "three quarters of it. 0: no limit. Set it a little below what the rate plan of your key allows.",
        minimum=0,
        formerly="PLAN",
    )
    upstream_concurrency: int = Section.UPSTREAM(
        40, "Maximum number of simultaneous calls to the Competent API per process; further calls wait.", minimum=1
    )
    upstream_connect_timeout: float = Section.UPSTREAM(
        0.5, "Timeout for connecting to the Competent API, in seconds.", minimum=0.001, formerly="CONNECT_TIMEOUT"
    )
    upstream_attempt_timeout: float = Section.UPSTREAM(
        1.5,
        "Timeout for one call to the Competent API including its response body, in seconds. A failed call may be retried.",
        minimum=0.001,
        formerly="ATTEMPT_TIMEOUT",
    )
    upstream_total_timeout: float = Section.UPSTREAM(
        5.0,
        "Timeout for fetching one document with all retries and the pauses between them, in seconds.",
        minimum=0.001,
        formerly="TOTAL_TIMEOUT",
    )
    operation_calls: int = Section.UPSTREAM(
        500,
        "Maximum number of documents that one operation may fetch from the Competent API. Fields that need more are null with "
        "NOT_LOADED_YET; sending the operation again fetches the next ones. Does not apply to the sandbox.",
        minimum=1,
    )
    upstream_document_bytes: int = Section.UPSTREAM(
        2_000_000,
        "Maximum size of a document from the Competent API, before and after decompression, in bytes.",
        minimum=1,
        formerly="DOCUMENT_BYTES",
    )
    upstream_page_size: int = Section.UPSTREAM(
        500, "Number of items requested per page of a list of the Competent API.", minimum=1, formerly="PAGE_SIZE"
    )

    lenient: str = Section.SANDBOX(
        "off",
        "`on` skips and logs unreadable rows of the files in COMPETENT_DATA; `off` refuses to start because of them.",
        choices=ON_OFF,
    )

    license: str = Section.DATA(
        "Open data without restrictions on use, according to VDAB's developer portal",
        "The licence of the data, as text or URL: `license` of a release, in linked data and on the first page. Empty: unknown. "
        "The bundled data never has one.",
    )
    attribution: str = Section.DATA(
        "Competent, VDAB",
        "Who is to be named as the source of the data: `attribution` of a release. Empty: no one. The bundled data has none.",
    )
    titles: Path | None = Section.DATA(
        None,
        "CSV file with titles of ISCO-08 groups, for `Classification.title`: the columns `code`, `nl`, `fr`, `en` and `de`, in "
        "UTF-8. Lines that cannot be used are logged. Unset: groups have no titles.",
    )
    mapping: tuple[Path, ...] = Section.DATA(
        (),
        "Files that map concepts to other classifications (SSSOM), for `mappings` of a concept, separated as in PATH. Unset: no "
        "concept has mappings.",
    )
