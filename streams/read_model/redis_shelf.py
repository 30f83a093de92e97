"""The read model in Redis, shared by all workers, listeners and pages of a site."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError, WatchError

from streams.read_model.shelf import EVERYTHING, MINUTES_KEPT, Changes, Overtaken, ReadModelAway, Window, moved

_BATCH = 1000  # keys of one command, so that none holds the server up


class RedisShelf:
    """Keys begin with `dripcode:PREFIX`. Counts and notices expire; the rest is bounded by `trim`."""

    def __init__(self, client: redis.asyncio.Redis, prefix: str) -> None:
        # Any: redis-py types its asyncio commands as if each might not be awaitable.
        self._redis: Any = client
        self._prefix = f"dripcode:{prefix}:"

    @classmethod
    def connect(cls, url: str, prefix: str, *, password_file: Path | None = None, ca: Path | None = None) -> RedisShelf:
        """A client of `redis://[USER@]HOST:PORT/DB`, or `rediss://` with TLS; nothing is sent yet.

        Args:
            password_file: holds the ACL user's password, so that it stands in no setting and no process list.
            ca: PEM file of the CA that signed the server's certificate; the system's own without it.
        """
        options: dict[str, Any] = {"socket_timeout": 5.0, "socket_connect_timeout": 2.0, "protocol": 3}
        if password_file is not None:
            options["password"] = password_file.read_text().strip()
        if url.startswith("rediss:"):
            options |= {"ssl_min_version": ssl.TLSVersion.TLSv1_2, "ssl_ca_certs": str(ca) if ca else None}
        return cls(redis.asyncio.Redis.from_url(url, **options), prefix)

    async def write(self, changes: Changes) -> None:
        async with self._answering(), self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(self._key("positions"))
            if moved(changes, _positions(await pipe.hgetall(self._key("positions")))):
                raise Overtaken
            pipe.multi()
            self._queue(pipe, changes)
            try:
                await pipe.execute()
            except WatchError:
                raise Overtaken from None

    def _queue(self, pipe: Any, changes: Changes) -> None:
        for (kind, key), value in changes.documents.items():
            at = self._key("document", kind)
            if value is None:
                pipe.hdel(at, key)
            else:
                pipe.hset(at, key, value)
        for (kind, index), scores in changes.indexes.items():
            at = self._key("index", kind, index)
            standing = {key: score for key, score in scores.items() if score is not None}
            if standing:
                pipe.zadd(at, standing)
            if gone := [key for key, score in scores.items() if score is None]:
                pipe.zrem(at, *gone)
        for (series, label, minute), number in changes.counts.items():
            at = self._key("counts", series, str(minute))
            pipe.hincrbyfloat(at, label, number)
            pipe.expire(at, MINUTES_KEPT * 60)
        for (topic, partition), (_, after) in changes.positions.items():
            pipe.hset(self._key("positions"), f"{partition}:{topic}", str(after))

    async def positions(self) -> dict[tuple[str, int], int]:
        async with self._answering():
            return _positions(await self._redis.hgetall(self._key("positions")))

    async def documents(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        async with self._answering():
            for start in range(0, len(keys), _BATCH):
                part = list(keys[start : start + _BATCH])
                values = await self._redis.hmget(self._key("document", kind), part)
                found |= {key: value for key, value in zip(part, values, strict=True) if value is not None}
        return found

    async def ranked(
        self, kind: str, index: str, limit: int, *, skip: int = 0, window: Window = EVERYTHING
    ) -> list[tuple[str, float]]:
        async with self._answering():
            rows = await self._redis.zrevrangebyscore(
                self._key("index", kind, index),
                max=window[1],
                min=window[0],
                start=skip,
                num=limit,
                withscores=True,
            )
        return [(key.decode(), float(score)) for key, score in rows]

    async def size(self, kind: str, index: str, window: Window = EVERYTHING) -> int:
        async with self._answering():
            return int(await self._redis.zcount(self._key("index", kind, index), *window))

    async def counts(self, series: str, minutes: range) -> dict[tuple[str, int], float]:
        async with self._answering(), self._redis.pipeline(transaction=False) as pipe:
            for minute in minutes:
                pipe.hgetall(self._key("counts", series, str(minute)))
            found = await pipe.execute()
        return {
            (label.decode(), minute): float(number)
            for minute, numbers in zip(minutes, found, strict=True)
            for label, number in numbers.items()
        }

    async def trim(self, kind: str, index: str, keep: int) -> int:
        excess = await self.size(kind, index) - keep
        if excess <= 0:
            return 0
        async with self._answering():
            keys = await self._redis.zrange(self._key("index", kind, index), 0, excess - 1)
            indexes = [at async for at in self._redis.scan_iter(match=self._key("index", kind, "*"))]
            async with self._redis.pipeline(transaction=True) as pipe:
                for at in indexes:
                    pipe.zrem(at, *keys)
                pipe.hdel(self._key("document", kind), *keys)
                await pipe.execute()
        return len(keys)

    async def notice(self, name: str, value: bytes, seconds: float) -> None:
        async with self._answering():
            await self._redis.set(self._key("notice", name), value, px=int(seconds * 1000))

    async def notices(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        async with self._answering():
            async for at in self._redis.scan_iter(match=self._key("notice", "*")):
                value = await self._redis.get(at)
                if value is not None:
                    found[at.decode().removeprefix(self._key("notice", ""))] = value
        return dict(sorted(found.items()))

    async def clear(self) -> None:
        async with self._answering():
            await self._redis.delete(self._key("positions"))
            for part in ("document", "index", "counts"):
                async for at in self._redis.scan_iter(match=self._key(part, "*"), count=_BATCH):
                    await self._redis.unlink(at)

    async def close(self) -> None:
        await self._redis.aclose()

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        try:
            yield
        except (RedisError, OSError, TimeoutError) as wrong:
            # The kind of error only: its text may hold the address with the user's name.
            raise ReadModelAway(f"Redis does not answer ({type(wrong).__name__})") from wrong


def _positions(found: dict[Any, Any]) -> dict[tuple[str, int], int]:
    made = {}
    for name, offset in found.items():
        partition, _, topic = name.decode().partition(":")
        made[topic, int(partition)] = int(offset)
    return made
