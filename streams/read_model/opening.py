"""The read model's store, by the settings."""

from __future__ import annotations

from pathlib import Path

from streams.read_model.redis_shelf import RedisShelf
from streams.read_model.shelf import Shelf
from streams.read_model.sqlite_shelf import SqliteShelf
from streams.settings import Settings, SettingsError


def open_shelf(settings: Settings) -> Shelf:
    """Redis where one is set, else a file in data_dir. Raises SettingsError."""
    if not settings.redis:
        return SqliteShelf(settings.data_dir / "pages.db")
    password, ca = settings.redis_password_file, settings.redis_ca
    for name, path in (("redis_password_file", password), ("redis_ca", ca)):
        if path:
            _check_readable(name, Path(path))
    try:
        return RedisShelf.connect(
            settings.redis,
            settings.topic_prefix,
            password_file=Path(password) if password else None,
            ca=Path(ca) if ca else None,
        )
    except ValueError:
        raise SettingsError(
            "setting 'redis' must be redis://[USER@]HOST:PORT/DB, or rediss:// for TLS; the password belongs into "
            "the file named by redis_password_file"
        ) from None


def _check_readable(name: str, path: Path) -> None:
    try:
        path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"setting {name!r}: {path} cannot be read") from None
