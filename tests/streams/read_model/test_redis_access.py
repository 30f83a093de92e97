"""Who comes in to Redis as it ships, and what is said to who does not."""

from pathlib import Path

import pytest

from streams.read_model.opening import open_shelf
from streams.read_model.redis_shelf import RedisShelf
from streams.read_model.shelf import ReadModelAway
from streams.settings import SettingsError, load_settings
from tests.servers.certificates import Authority
from tests.servers.redis import TlsRedisServer
from tests.streams.read_model.conftest import PASSWORD, way_in

pytestmark = pytest.mark.redis


def opened(environment: dict[str, str]) -> RedisShelf:
    shelf = open_shelf(load_settings(environment=environment)[0])
    assert isinstance(shelf, RedisShelf)
    return shelf


async def asked(environment: dict[str, str]) -> str:
    """What is said when the store is asked; "" when it answers."""
    shelf = opened(environment)
    try:
        await shelf.positions()
    except ReadModelAway as wrong:
        return str(wrong)
    finally:
        await shelf.close()
    return ""


async def test_only_who_fits_comes_in(tls_redis: TlsRedisServer, tmp_path: Path, topic_prefix: str) -> None:
    ours = way_in(tls_redis, tmp_path, topic_prefix)
    (tmp_path / "wrong.password").write_text("another")
    another = Authority(tmp_path, "Another CA").file
    assert await asked(ours) == ""
    wrong = {
        "DRIPCODE_REDIS_PASSWORD_FILE": str(tmp_path / "wrong.password"),
        "DRIPCODE_REDIS_CA": another,
        "DRIPCODE_REDIS": tls_redis.url.replace("127.0.0.1", "localhost"),  # a name that is not in its certificate
    }
    for name, value in wrong.items():
        said = await asked({**ours, name: value})
        assert said.startswith("Redis does not answer ("), name
        assert PASSWORD not in said
    plain = {**ours, "DRIPCODE_REDIS": tls_redis.url.replace("rediss", "redis")}
    assert (await asked(plain)).startswith("Redis does not answer (")


@pytest.mark.parametrize(
    "command",
    [
        ("SET", "somebody-else", "x"),  # not a key of ours
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("KEYS", "*"),
        ("ACL", "LIST"),
        ("EVAL", "return 1", "0"),
        ("PUBLISH", "channel", "x"),
    ],
    ids=lambda command: command[0],
)
async def test_its_user_may_not_do_more_than_needed(
    tls_redis: TlsRedisServer, tmp_path: Path, topic_prefix: str, command: tuple[str, ...]
) -> None:
    shelf = opened(way_in(tls_redis, tmp_path, topic_prefix))
    try:
        with pytest.raises(ReadModelAway, match="NoPermissionError"):
            async with shelf._answering():
                await shelf._redis.execute_command(*command)
    finally:
        await shelf.close()


@pytest.mark.parametrize("setting", ["redis_password_file", "redis_ca"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, setting: str) -> None:
    given = {"redis": "rediss://dripcode@redis:6379/0"}
    odd = tmp_path / "odd"
    odd.write_bytes(b"\xff\xfe")
    for path in (odd, tmp_path, tmp_path / "nothing"):
        settings = load_settings(environment={}, given={**given, setting: str(path)})[0]
        with pytest.raises(SettingsError, match=rf"'{setting}': {path} cannot be read"):
            open_shelf(settings)
