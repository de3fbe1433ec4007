"""All errors of this server in one tree, with their codes in GraphQL responses.

Messages are for clients: they never contain a host, path, key or stack trace. `detail` is for operators: it is logged and
never sent.

    CompetentError                  INTERNAL_SERVER_ERROR
    ├── SettingsError               (at start-up only: printed, exit code 2)
    ├── BadUserInput                BAD_USER_INPUT
    │   └── InvalidReference        BAD_USER_INPUT              (with `entries`)
    ├── ReleaseNotFound             RELEASE_NOT_FOUND
    ├── NotIndexedYet               NOT_INDEXED_YET
    ├── NotLoadedYet                NOT_LOADED_YET
    ├── NotAvailable                NOT_AVAILABLE
    ├── QueryTooComplex             QUERY_TOO_COMPLEX
    ├── ServerBusy                  SERVER_UNAVAILABLE
    └── UpstreamError               UPSTREAM_UNAVAILABLE
        ├── UpstreamNotFound        UPSTREAM_INVALID_RESPONSE   (a dead link; lookups return null instead)
        ├── UpstreamTimeout         UPSTREAM_TIMEOUT
        │   └── OperationTimeout    UPSTREAM_TIMEOUT
        ├── UpstreamRateLimited     UPSTREAM_RATE_LIMITED
        ├── UpstreamUnauthorized    UPSTREAM_UNAUTHORIZED
        ├── UpstreamUnavailable     UPSTREAM_UNAVAILABLE
        │   └── ProxyRefused        UPSTREAM_UNAVAILABLE        (the proxy refuses, or cannot be reached)
        └── UpstreamInvalidResponse UPSTREAM_INVALID_RESPONSE
            └── UpstreamRefused     UPSTREAM_INVALID_RESPONSE   (status 400)
"""

from typing import ClassVar

from graphql import GraphQLError


class CompetentError(Exception):
    """Base class: a message for the client, a code, and the seconds after which a retry makes sense."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    default: ClassVar[str] = "Internal server error. The request id identifies it in the server's log."

    def __init__(self, message: str = "", *, retry_after: float | None = None, detail: str = "") -> None:
        super().__init__(message or self.default)
        self.retry_after = retry_after
        self.detail = detail

    @property
    def extensions(self) -> dict[str, object]:
        """What graphql-core copies into `errors[].extensions`."""
        extensions: dict[str, object] = {"code": self.code}
        if self.retry_after is not None:
            extensions["retryAfter"] = self.retry_after
        return extensions


class SettingsError(CompetentError):
    """A setting is unknown, invalid or missing: the server does not start."""


class EmbeddingError(Exception):
    """Texts cannot be turned into vectors now; the message is for the log. Clients never see it: their search is lexical."""


class BadUserInput(CompetentError):
    """An invalid argument; the message says what is valid."""

    code = "BAD_USER_INPUT"


class InvalidReference(BadUserInput):
    """Entries of an argument that refer to no concept, or not to one only; `entries` are their names, such as `have[3]`."""

    def __init__(self, message: str, *entries: str) -> None:
        super().__init__(message)
        self.entries = entries

    @property
    def extensions(self) -> dict[str, object]:
        """Adds `entries`."""
        return super().extensions | {"entries": list(self.entries)}


class ReleaseNotFound(CompetentError):
    """The requested release does not exist, or Competent no longer serves it."""

    code = "RELEASE_NOT_FOUND"
    default = "Release not found. `releases { number }` lists the available releases."


class NotIndexedYet(CompetentError):
    """The field needs the index of a release, which is not complete; `progress` is between 0 and 1."""

    code = "NOT_INDEXED_YET"

    def __init__(self, message: str, *, retry_after: float | None = None, progress: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.progress = progress

    @property
    def extensions(self) -> dict[str, object]:
        """Adds `progress`, if known."""
        return super().extensions | ({} if self.progress is None else {"progress": round(self.progress, 3)})


class NotLoadedYet(CompetentError):
    """The operation needs more documents than it may fetch; sending it again fetches the next ones."""

    code = "NOT_LOADED_YET"


class NotAvailable(CompetentError):
    """The field needs something that this server does not have, now or at all; `reason` says why."""

    code = "NOT_AVAILABLE"

    def __init__(self, message: str, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.reason = reason

    @property
    def extensions(self) -> dict[str, object]:
        """Adds `reason`."""
        return super().extensions | {"reason": self.reason}


class QueryTooComplex(CompetentError):
    """The operation exceeds a limit; the message has the measured value and the limit."""

    code = "QUERY_TOO_COMPLEX"


class ServerBusy(CompetentError):
    """The server is overloaded; a retry soon may succeed."""

    code = "SERVER_UNAVAILABLE"


class UpstreamError(CompetentError):
    """A call to the Competent API failed. `passing` says whether a retry soon may succeed."""

    code = "UPSTREAM_UNAVAILABLE"
    default = "The Competent API is currently unavailable."
    passing: bool = True

    def lasting(self) -> "UpstreamError":
        """Mark this error as one that a retry would not fix; returns it."""
        self.passing = False
        return self


class UpstreamNotFound(UpstreamError):
    """The document does not exist in the Competent API."""

    code = "UPSTREAM_INVALID_RESPONSE"
    default = "The Competent API links to a document that does not exist."
    passing = False


class UpstreamTimeout(UpstreamError):
    """The Competent API did not respond in time."""

    code = "UPSTREAM_TIMEOUT"
    default = "The Competent API did not respond in time."


class OperationTimeout(UpstreamTimeout):
    """The deadline of the operation passed before a field was ready."""

    default = "The operation timed out before this field was ready. Request fewer fields or items, or try again."

    def __init__(self, message: str = "", *, retry_after: float | None = 1.0, detail: str = "") -> None:
        super().__init__(message, retry_after=retry_after, detail=detail)


class UpstreamRateLimited(UpstreamError):
    """The rate limit of the key is reached."""

    code = "UPSTREAM_RATE_LIMITED"
    default = "The rate limit of the Competent API is reached. Try again later."


class UpstreamUnauthorized(UpstreamError):
    """The Competent API rejects the server's key."""

    code = "UPSTREAM_UNAUTHORIZED"
    default = "The Competent API rejects this server's key. The operator of the server must set a valid one."
    passing = False


class UpstreamUnavailable(UpstreamError):
    """The Competent API is down, or cannot be reached."""


class ProxyRefused(UpstreamUnavailable):
    """The proxy to the Competent API refuses, or cannot be reached; `detail` says which proxy and why."""


class UpstreamInvalidResponse(UpstreamError):
    """The Competent API returned an invalid response."""

    code = "UPSTREAM_INVALID_RESPONSE"
    default = "The Competent API returned an invalid response."


class UpstreamRefused(UpstreamInvalidResponse):
    """The Competent API responded with status 400."""


def is_unforeseen(error: GraphQLError) -> bool:
    """Whether this is a bug; the log has its stack trace."""
    return error.original_error is not None and not isinstance(error.original_error, CompetentError | GraphQLError)


def without_trace(error: BaseException | None) -> None:
    """Remove the traceback of an error that will not be logged, whose reference cycle only the garbage collector would free."""
    if error is not None:
        error.__traceback__ = None
        without_trace(getattr(error, "original_error", None))
