"""A request that no operation can be run for, as an exception that carries status, code and headers."""


class Refused(Exception):
    """The message is for the client; `headers` are those of the answer."""

    def __init__(self, status: int, message: str, code: str = "BAD_REQUEST", **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers
