"""Wait until the broker file may hold something new: at once for this process, by looking for the others'."""

import asyncio
import threading

from . import wake
from .store import Store


class News:
    """For the event loop it is made on."""

    def __init__(self, store: Store, poll_seconds: float) -> None:
        self._store = store
        self._poll_seconds = poll_seconds
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._event = asyncio.Event()
        self._version = store.data_version()
        wake.subscribe(str(store.path), self._on_append)

    def close(self) -> None:
        """Hear of no more appends."""
        wake.unsubscribe(str(self._store.path), self._on_append)

    def tell(self) -> None:
        """End the present wait, or the next one at once."""
        self._event.set()

    def begin_look(self) -> None:
        """Whoever looks now need not be told of what was there before."""
        self._event.clear()

    def others_have_written(self) -> bool:
        """Whether another connection has committed something since the last call."""
        version = self._store.data_version()
        changed = version != self._version
        self._version = version
        return changed

    async def wait(self) -> None:
        """Return once there is something: told, appended in this process, or found written by another."""
        timer = self._loop.call_later(self._poll_seconds, self._poll)
        self._timer = timer
        try:
            await self._event.wait()
        finally:
            self._timer.cancel()

    def _poll(self) -> None:
        # The version is left as it is: the look that follows has to see the difference as well.
        if self._store.data_version() != self._version:
            self._event.set()
        else:
            self._timer = self._loop.call_later(self._poll_seconds, self._poll)

    def _on_append(self) -> None:
        if threading.get_ident() == self._thread:
            self._event.set()
        else:
            self._loop.call_soon_threadsafe(self._event.set)
