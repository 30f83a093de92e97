"""Python imports this at its start when the folder is on its path: `time.time` is off by what a file says.

libfaketime would do so for the whole process, but has `time.sleep` fail (Python sleeps by an absolute monotonic time).
"""

import mmap
import os
import struct
import time

with open(os.environ["FAULTS_CLOCK"], "rb") as _file:
    _offset = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
_time, _time_ns = time.time, time.time_ns


def _seconds_off() -> int:
    seconds: int = struct.unpack("<q", _offset[:8])[0]
    return seconds


time.time = lambda: _time() + _seconds_off()
time.time_ns = lambda: _time_ns() + _seconds_off() * 1_000_000_000
