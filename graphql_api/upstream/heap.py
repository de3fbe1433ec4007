"""Returns freed memory to the operating system; the C library keeps memory of large bodies unless `malloc_trim` is called."""

import asyncio
import ctypes
import threading
from collections.abc import Callable

INTERVAL = 0.5
"""Minimum number of seconds between two calls."""


def _find_malloc_trim() -> Callable[[int], int] | None:
    """Returns `malloc_trim` of glibc; None with other C libraries."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    trim.argtypes, trim.restype = (ctypes.c_size_t,), ctypes.c_int
    return trim


malloc_trim = _find_malloc_trim()


class HeapTrimmer:
    """Calls `malloc_trim` in a thread, soon after a request and at most once in INTERVAL seconds."""

    def __init__(self, trim: Callable[[int], int] | None = malloc_trim) -> None:
        self._trim = trim
        self._timer: asyncio.TimerHandle | None = None

    def trim_soon(self) -> None:
        """Schedule a trim; call when large memory was freed or is about to be."""
        if self._trim is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._start, self._trim)

    def _start(self, trim: Callable[[int], int]) -> None:
        self._timer = None
        # ctypes releases the GIL during the call. Not an executor thread, as that would delay closing the event loop.
        threading.Thread(target=trim, args=(0,), name="malloc_trim", daemon=True).start()

    def close(self) -> None:
        """Cancel the scheduled trim."""
        if self._timer is not None:
            self._timer.cancel()
