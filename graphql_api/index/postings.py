"""Postings: the numbers of the texts or profiles that have a word, as bytes in the index.

They are read into arrays without any parsing, in the byte order of the machine that wrote the file, which is part of its format.
"""

from array import array
from collections.abc import Sequence

TEXTS = "I"
"""The type code of numbers of texts."""


def profiles_type(count: int) -> str:
    """The smallest type code for positions of `count` profiles."""
    return "H" if count <= 0xFFFF else "I"


def unpack(packed: bytes, typecode: str = TEXTS) -> Sequence[int]:
    """The numbers of an array whose bytes these are. Raises ValueError if the bytes are incomplete."""
    numbers = array(typecode)
    numbers.frombytes(packed)
    return numbers
