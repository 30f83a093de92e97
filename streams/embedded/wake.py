"""Tell the readers of a broker file, in this process, that something was appended to it.

Readers in other processes find out by themselves: SQLite's `data_version` changes under them.
"""

import threading
from collections.abc import Callable

_lock = threading.Lock()
_listeners: dict[str, list[Callable[[], None]]] = {}


def subscribe(path: str, callback: Callable[[], None]) -> None:
    """Call `callback` after each append to the file; it may run on any thread and must not raise."""
    with _lock:
        _listeners[path] = [*_listeners.get(path, []), callback]


def unsubscribe(path: str, callback: Callable[[], None]) -> None:
    """Stop calling `callback`; unknown ones are ignored."""
    with _lock:
        rest = [one for one in _listeners.get(path, []) if one != callback]
        if rest:
            _listeners[path] = rest
        else:
            _listeners.pop(path, None)


def notify(path: str) -> None:
    """Call everybody who subscribed to the file."""
    for callback in _listeners.get(path, ()):
        callback()
