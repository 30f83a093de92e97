"""Log lines: an event and where, as text or JSON, on stderr. Never what a message holds."""

from __future__ import annotations

import json
import logging
import logging.config
from datetime import UTC, datetime
from typing import Any


class Explained(Exception):
    """Base of errors whose message is for the person who runs dripcode."""


class JsonFormatter(logging.Formatter):
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
    """Drops the stack of errors that say themselves what is wrong and what to do."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, Explained):
            record.exc_info = record.exc_text = None
        return True


# Faust logs each service's coming and going under the module that defines it; ours speak under "dripcode".
_QUIET = ("faust", "aiokafka", "mode", "kafka", "asyncio", "streams")


def logging_config(log_format: str, level: str) -> dict[str, Any]:
    """A dictConfig for the process. Faust and aiokafka speak from warnings on: their info lists every partition."""
    quiet = {name: {"level": "WARNING"} for name in _QUIET}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"format": "%(asctime)s %(levelname)-8s %(name)s: %(message)s"},
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
