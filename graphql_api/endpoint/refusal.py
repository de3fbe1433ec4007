"""A request that no operation can be run for, as an exception that carries status, code and headers."""

import math


class Refused(Exception):
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


class Malformed(Refused):
    """The request can be read, and is none of GraphQL over HTTP."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


class Unavailable(Refused):
    """This server cannot take the operation now; another one can, or this one in `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(503, message, "SERVER_UNAVAILABLE", retry_after)
