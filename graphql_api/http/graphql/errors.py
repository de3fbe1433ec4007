"""Exceptions for requests that cannot be executed, with status, code and headers, and for clients that disconnect."""

import math

from graphql_api.execution.error_formatting import ErrorDict


class HTTPError(Exception):
    """An error response. The message is shown to the client.

    `headers` are response headers, with `_` for `-`. `retry_after` is in seconds; None if retrying does not help.
    """

    def __init__(
        self, status: int, message: str, code: str = "BAD_REQUEST", retry_after: float | None = None, **headers: str
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if retry_after is not None:
            self.headers["Retry-After"] = str(math.ceil(retry_after))

    @property
    def as_dict(self) -> ErrorDict:
        """This error as a GraphQL error object."""
        retry = {} if self.retry_after is None else {"retryAfter": self.retry_after}
        return {"message": str(self), "extensions": {"code": self.code, **retry}}


class InternalError(HTTPError):
    """An unexpected error. Details are logged and not shown to the client."""

    def __init__(self) -> None:
        super().__init__(500, "Internal server error.", "INTERNAL_SERVER_ERROR")


class BadRequest(HTTPError):
    """A readable request that is not a valid GraphQL-over-HTTP request."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


class ServiceUnavailable(HTTPError):
    """This server cannot run the operation now; another replica may, or this one after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(503, message, "SERVER_UNAVAILABLE", retry_after)


class ClientLeft(Exception):
    """The client disconnected before its response; nothing is sent, and the log records it as cancelled."""
