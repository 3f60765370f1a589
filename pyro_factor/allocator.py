"""Keep freed memory in the process."""

import ctypes
import os
import sys

# From glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Tell glibc's malloc to keep big blocks instead of returning them to the system.

    By default every pass through the networks on the CPU maps its activations afresh and the kernel
    zeroes their pages again, which costs up to as much time as the arithmetic. Blocks now come from
    the heap, and the heap isn't trimmed. Settings in the environment are respected; other systems
    and C libraries are left alone.
    """
    chosen = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if sys.platform != "linux" or chosen:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
