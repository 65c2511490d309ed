"""Memory: glibc keeps what one batch needed for the next one, instead of fetching and clearing the same pages each time."""

import ctypes

KEPT_BYTES = 8 * 2**20
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # names of glibc's malloc.h


def keep() -> None:
    """Keep up to KEPT_BYTES in one arena. Python's lock separates the threads anyway; each arena would keep as much."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # other C libraries have none
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
