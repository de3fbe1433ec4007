"""Every error of this server in one tree, with the code that a client sees.

A message here is written for the client: it never names a host, a path, a key or a trace. What only operators may
see goes into `detail`, which is logged and never told.

    CompetentError                  INTERNAL_SERVER_ERROR
    ├── SettingsError               (start-up only: printed, exit code 2)
    ├── BadUserInput                BAD_USER_INPUT
    ├── ReleaseNotFound             RELEASE_NOT_FOUND
    ├── NotIndexedYet               NOT_INDEXED_YET
    ├── NotLoadedYet                NOT_LOADED_YET
    ├── QueryTooComplex             QUERY_TOO_COMPLEX
    ├── ServerBusy                  SERVER_UNAVAILABLE
    └── UpstreamError               UPSTREAM_UNAVAILABLE
        ├── UpstreamNotFound        UPSTREAM_INVALID_RESPONSE   (a link leads nowhere; entry points turn it into null)
        ├── UpstreamTimeout         UPSTREAM_TIMEOUT
        │   └── OperationTimeout    UPSTREAM_TIMEOUT
        ├── UpstreamRateLimited     UPSTREAM_RATE_LIMITED
        ├── UpstreamUnauthorized    UPSTREAM_UNAUTHORIZED
        ├── UpstreamUnavailable     UPSTREAM_UNAVAILABLE
        │   └── ProxyRefused        UPSTREAM_UNAVAILABLE        (the proxy before it refuses, or cannot be reached)
        └── UpstreamInvalidResponse UPSTREAM_INVALID_RESPONSE
            └── UpstreamRefused     UPSTREAM_INVALID_RESPONSE   (status 400: the request itself is refused)
"""

from typing import Any, ClassVar

from graphql import GraphQLError


class CompetentError(Exception):
    """The root: a message for the client, a code, and seconds after which another try makes sense."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    default: ClassVar[str] = "Internal server error. The request id identifies it in the server's log."

    def __init__(self, message: str = "", *, retry_after: float | None = None, detail: str = "") -> None:
        super().__init__(message or self.default)
        self.retry_after = retry_after
        self.detail = detail

    @property
    def extensions(self) -> dict[str, Any]:
        """What graphql-core copies into `errors[].extensions`."""
        told: dict[str, Any] = {"code": self.code}
        if self.retry_after is not None:
            told["retryAfter"] = self.retry_after
        return told


class SettingsError(CompetentError):
    """A setting is unknown, unusable or missing: the server does not start."""


class BadUserInput(CompetentError):
    """An argument that no data could satisfy; the message says what would do."""

    code = "BAD_USER_INPUT"


class ReleaseNotFound(CompetentError):
    """The release asked for does not exist, or is no longer served by Competent."""

    code = "RELEASE_NOT_FOUND"
    default = "Release not found. `releases { number }` lists the available releases."


class NotIndexedYet(CompetentError):
    """The question needs the index of a release, which is not there; `progress` says how far it is, from 0 to 1."""

    code = "NOT_INDEXED_YET"

    def __init__(self, message: str, *, retry_after: float | None = None, progress: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.progress = progress

    @property
    def extensions(self) -> dict[str, Any]:
        """With the progress, where there is one."""
        return super().extensions | ({} if self.progress is None else {"progress": round(self.progress, 3)})


class NotLoadedYet(CompetentError):
    """The operation needs more documents that are not stored than one operation may fetch; asking again fetches the next ones."""

    code = "NOT_LOADED_YET"


class QueryTooComplex(CompetentError):
    """The operation asks for more than one operation may; the message says how much that is."""

    code = "QUERY_TOO_COMPLEX"


class ServerBusy(CompetentError):
    """This server has as much to do as it can; another try soon may do better."""

    code = "SERVER_UNAVAILABLE"


class UpstreamError(CompetentError):
    """The Competent API gave no document. `passing` says whether another try soon may do better."""

    code = "UPSTREAM_UNAVAILABLE"
    default = "The Competent API is currently unavailable."
    passing: bool = True

    def lasting(self) -> "UpstreamError":
        """This error, as one that another try would meet again."""
        self.passing = False
        return self


class UpstreamNotFound(UpstreamError):
    """The Competent API says that the document does not exist."""

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
    """The plan of the key is used up for now."""

    code = "UPSTREAM_RATE_LIMITED"
    default = "The rate limit of the Competent API is reached. Try again later."


class UpstreamUnauthorized(UpstreamError):
    """The Competent API refuses the server's key."""

    code = "UPSTREAM_UNAUTHORIZED"
    default = "The Competent API rejects this server's key. The operator of the server must set a valid one."
    passing = False


class UpstreamUnavailable(UpstreamError):
    """The Competent API is down, or cannot be reached."""


class ProxyRefused(UpstreamUnavailable):
    """The proxy between this server and the Competent API refuses, or cannot be reached; `detail` says which proxy and why."""


class UpstreamInvalidResponse(UpstreamError):
    """The Competent API returned an invalid response."""

    code = "UPSTREAM_INVALID_RESPONSE"
    default = "The Competent API returned an invalid response."


class UpstreamRefused(UpstreamInvalidResponse):
    """The Competent API says that what was asked makes no sense to it."""


def is_unforeseen(error: GraphQLError) -> bool:
    """Whether this is a bug, of which the log has the trace."""
    return error.original_error is not None and not isinstance(error.original_error, CompetentError | GraphQLError)


def without_trace(error: BaseException | None) -> None:
    """Take off traces that nobody reads. Their frames refer to the error again, and only the collector would free them all."""
    if error is not None:
        error.__traceback__ = None
        without_trace(getattr(error, "original_error", None))
