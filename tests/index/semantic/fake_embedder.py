"""A small deterministic embedder: texts are similar if they share words, or words that its dictionary translates."""

import threading
from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from graphql_api.errors import EmbeddingError
from graphql_api.index.semantic.vector_builder import SAMPLE
from graphql_api.index.tokenizer import fold

COLUMNS = 64


class FakeEmbedder:
    """Records the texts of each call, but not SAMPLE; raises EmbeddingError while `is_down`, and waits while `gate` is closed.

    `calls` is released by each call for documents.
    """

    def __init__(self, id: str = "fake 1", same: Mapping[str, str] | None = None, columns: int = COLUMNS) -> None:
        self.id = id
        self.embedded: list[str] = []
        self.searched: list[str] = []
        self.is_down = False
        self.calls = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self._same = same or {}
        self._columns = columns

    def documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if [*texts] == [SAMPLE]:
            return self._sample(texts)
        self.calls.release()
        if self.is_down:
            raise EmbeddingError("down")
        self.gate.wait()
        self.embedded += texts
        return self._vectors(texts)

    def _sample(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self.is_down:
            raise EmbeddingError("down")
        return self._vectors(texts)

    def queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = self._sample(texts)
        self.searched += texts
        return vectors

    def _vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        matrix = np.zeros((len(texts), self._columns), np.float32)
        for row, text in enumerate(texts):
            for word in fold(text).split() or ["?"]:
                number = int.from_bytes(blake2b(self._same.get(word, word).encode(), digest_size=4).digest())
                matrix[row, number % self._columns] += 1
        vectors: npt.NDArray[np.float32] = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        return vectors
