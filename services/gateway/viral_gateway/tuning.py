"""Tune the process for replies; each figure says what the default costs."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading

# A thread that comes back from scoring gets the interpreter after this; with Python's own 5 ms it may wait for longer
# than it computed (a tweet takes 0.14 ms).
SWITCH_S = 0.0005
# How far swaps step back behind replies, in steps of nice.
NICE = 10


def tune_process() -> None:
    """Set what holds for the whole process; call it before anything else."""
    sys.setswitchinterval(SWITCH_S)
    # Its pool would be started by the first swap, and step back behind replies with it, for ever.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def reduce_thread_priority() -> None:
    """Let this thread have the processor after those that answer: a swap may take longer, a reply may not."""
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICE)


def settle_memory() -> None:
    """Keep what is loaded out of later garbage collections, and give back what the old model took.

    A full collection walks all that the application loaded and stops every reply for 130 to 250 ms, each second or
    third under load; frozen objects are not walked. An old model holds no reference to itself, so it goes as soon as
    the last request lets it go, frozen or not. glibc keeps freed memory, now more and now less of it.
    """
    gc.collect()
    gc.freeze()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # other allocators have no such call
        libc.malloc_trim(0)
