"""Vectors by an HTTP service with the embeddings endpoint of OpenAI's API, such as a text-embeddings server of the operator.

Texts leave this server, so it is used only if its URL is set. Calls are made by threads.
"""

import logging
import math
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from graphql_api.errors import EmbeddingError
from graphql_api.settings.environment import Secret

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float32]

log = logging.getLogger(__name__)

DOCUMENTS_TIMEOUT, QUERIES_TIMEOUT = 60.0, 2.0
"""Seconds for a whole call."""
MAX_COLUMNS = 8192
BYTES_PER_NUMBER = 32
"""Bytes that a number of a vector may take in a response."""
MAX_OVERHEAD = 100_000
"""Bytes that a response may have beside the vectors."""
PAUSE = 30.0
"""Seconds without calls after a failure."""


class EmbeddingEndpoint:
    """An embedder that calls an HTTP service. Follows no redirects; responses are bounded in size and time."""

    def __init__(self, url: str, model: str, key: Secret, transport: httpx.BaseTransport | None = None) -> None:
        """`url` is the base URL, such as `http://127.0.0.1:8080/v1`; `/embeddings` is added."""
        self.id = f"{model} at {url}"
        self._url = f"{url.rstrip('/')}/embeddings"
        self._model = model
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key.reveal()}"} if key else {})
        self._client = httpx.Client(transport=transport, headers=headers, follow_redirects=False, trust_env=False)
        self._lock = threading.Lock()
        self._columns = 0
        self._closed_until = -math.inf

    def documents(self, texts: Sequence[str]) -> "Matrix":
        """Vectors of texts to be found."""
        return self._vectors(texts, DOCUMENTS_TIMEOUT)

    def queries(self, texts: Sequence[str]) -> "Matrix":
        """Vectors of search texts. Raises EmbeddingError without a call for PAUSE seconds after one that failed."""
        if time.monotonic() < self._closed_until:
            raise EmbeddingError("the embeddings service failed a moment ago")
        try:
            return self._vectors(texts, QUERIES_TIMEOUT)
        except EmbeddingError as error:
            log.warning("%s; searches are lexical for %d s", error, PAUSE)
            self._closed_until = time.monotonic() + PAUSE
            raise

    def _vectors(self, texts: Sequence[str], seconds: float) -> "Matrix":
        body = self._call(orjson.dumps({"model": self._model, "input": list(texts)}), len(texts), seconds)
        matrix = _matrix(body, len(texts))
        with self._lock:
            self._columns = self._columns or matrix.shape[1]
            if matrix.shape[1] != self._columns:
                raise EmbeddingError("the embeddings service changed the length of its vectors")
        return matrix

    def _call(self, content: bytes, texts: int, seconds: float) -> bytes:
        """The body of a response with status 200. `seconds` limit the whole call, as far as each read returns in time."""
        deadline = time.monotonic() + seconds
        limit = MAX_OVERHEAD + texts * MAX_COLUMNS * BYTES_PER_NUMBER
        body = bytearray()
        try:
            with self._client.stream(
                "POST", self._url, content=content, headers={"Content-Type": "application/json"}, timeout=seconds
            ) as response:
                if response.status_code != 200 or "content-encoding" in response.headers:
                    raise EmbeddingError(f"the embeddings service responded {response.status_code}, or compressed")
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > limit:
                        raise EmbeddingError("the response of the embeddings service is too long")
                    if time.monotonic() > deadline:
                        raise EmbeddingError("the embeddings service is too slow")
        except httpx.HTTPError as error:
            raise EmbeddingError(f"the embeddings service cannot be reached: {type(error).__name__}") from None
        return bytes(body)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _matrix(body: bytes, rows: int) -> "Matrix":
    """The vectors of a response, in the order of their texts and normalised. Raises EmbeddingError if they are unusable."""
    import numpy as np

    try:
        data: list[dict[str, Any]] = sorted(orjson.loads(body)["data"], key=lambda item: item["index"])
        with np.errstate(over="ignore"):  # checked below
            matrix: Matrix = np.array([item["embedding"] for item in data], np.float32)
    except (ValueError, TypeError, KeyError):
        raise EmbeddingError("the response of the embeddings service is not as in OpenAI's API") from None
    if matrix.ndim != 2 or matrix.shape[0] != rows or not 0 < matrix.shape[1] <= MAX_COLUMNS:
        raise EmbeddingError(f"the embeddings service returned {matrix.shape} for {rows} texts")
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise EmbeddingError("the embeddings service returned vectors of no length")
    normalised: Matrix = matrix / lengths
    return normalised
