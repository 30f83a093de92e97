"""Log lines: an event and where, as text or JSON, on stderr. Never what a message holds.

The text of an error may quote the value that it failed on. So of errors only the kind and the stack are told, save
those whose text is ours (Explained) or tells of machine and network (OSError, those of Kafka, Redis and SQLite).
"""

from __future__ import annotations

import json
import logging
import logging.config
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any


class Explained(Exception):
    """Base of errors whose message is for the person who runs dripcode."""


_MACHINES = ("aiokafka.", "apsw.", "redis.")


def told_error(error: BaseException) -> str:
    """The kind of an error, and its text where that quotes no message."""
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    may_be_told = isinstance(error, Explained | OSError) or kind.__module__.startswith(_MACHINES)
    return f"{name}: {error}" if may_be_told else name


def told_stack(error: BaseException) -> str:
    """The stack of an error, after those of the errors that led to it."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    parts = [told_stack(before), "", "which led to", ""] if before is not None else []
    parts += [
        "Traceback (most recent call last):",
        "".join(traceback.format_tb(error.__traceback__)) + told_error(error),
    ]
    if isinstance(error, BaseExceptionGroup):
        parts += [told_stack(each) for each in error.exceptions]
    return "\n".join(parts)


class TextFormatter(logging.Formatter):
    """A line of text, and the stack of an error."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return told_stack(ei[1]) if ei[1] is not None else ""


class JsonFormatter(TextFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class OwnErrors(logging.Filter):
    """Drops the stack of errors that say themselves what is wrong, and the text of errors that may quote a message."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, Explained):
            record.exc_info = record.exc_text = None
        if record.name == "asyncio" and error is not None:
            record.msg, record.args = "a callback or task failed", ()  # it quotes the callback's arguments
        if isinstance(record.args, tuple):
            record.args = tuple(map(_told, record.args))
        elif record.args:
            record.args = {name: _told(value) for name, value in record.args.items()}
        return True


def _told(argument: object) -> object:
    return told_error(argument) if isinstance(argument, BaseException) else argument


# Faust logs each service's coming and going under the module that defines it; ours speak under "dripcode".
_QUIET = ("faust", "aiokafka", "mode", "kafka", "asyncio", "streams")


def logging_config(log_format: str, level: str) -> dict[str, Any]:
    """A dictConfig for the process. Faust and aiokafka speak from warnings on: their info lists every partition."""
    quiet = {name: {"level": "WARNING"} for name in _QUIET}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {
                "class": "streams.log.TextFormatter",
                "format": "%(asctime)s %(levelname)-8s %(name)s: %(message)s",
            },
            "json": {"()": "streams.log.JsonFormatter"},
        },
        "filters": {"own_errors": {"()": "streams.log.OwnErrors"}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": log_format, "filters": ["own_errors"]},
        },
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": quiet,
    }


def configure(log_format: str, level: str) -> None:
    logging.config.dictConfig(logging_config(log_format, level))


def withhold_texts() -> None:
    """Let an error that ends the process, or a thread of it, tell its stack and kind alone."""

    def tell(kind: type[BaseException], error: BaseException | None, at: TracebackType | None) -> None:
        if error is None or issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error or kind(), at)
        else:
            sys.stderr.write(f"{told_stack(error)}\n")

    sys.excepthook = tell
    threading.excepthook = lambda what: tell(what.exc_type, what.exc_value, what.exc_traceback)
