"""A request that no operation can be run for, as an exception that carries status, code and headers."""

import math
from typing import Any


class HTTPError(Exception):
    """The message is for the client; `headers` are those of the answer, with `_` for `-`; `retry_after` is in seconds, where
    waiting helps.
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
    def as_dict(self) -> dict[str, Any]:
        """It as an error of GraphQL."""
        waiting = {} if self.retry_after is None else {"retryAfter": self.retry_after}
        return {"message": str(self), "extensions": {"code": self.code, **waiting}}


class InternalError(HTTPError):
    """What nobody foresaw: it is in the log, and nothing of it is told."""

    def __init__(self) -> None:
        super().__init__(500, "Internal server error.", "INTERNAL_SERVER_ERROR")


class BadRequest(HTTPError):
    """The request can be read, and is none of GraphQL over HTTP."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


class ServiceUnavailable(HTTPError):
    """This server cannot take the operation now; another one can, or this one in `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(503, message, "SERVER_UNAVAILABLE", retry_after)
