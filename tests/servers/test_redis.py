"""The Redis server that the tests start."""

from pathlib import Path

import pytest
import redis

from tests.servers.process import ServerFailed
from tests.servers.redis import RedisServer


def test_a_value_set_can_be_read(redis_server: RedisServer, topic_prefix: str) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set(f"{topic_prefix}lines", 3)
        assert client.get(f"{topic_prefix}lines") == b"3"


@pytest.mark.redis
def test_a_restart_keeps_the_port_and_nothing_else(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        before = server.url
        with redis.Redis.from_url(server.url) as client:
            client.set("lines", 3)
        server.kill()
        server.restart()
        assert server.url == before
        with redis.Redis.from_url(server.url) as client:
            assert client.get("lines") is None
    assert server.pid is None


@pytest.mark.redis
def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "--no-such-option", "1")
    with pytest.raises(ServerFailed, match="no-such-option"):
        server.start()
    assert server.pid is None
