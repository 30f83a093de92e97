"""The broker's address: `sqlite:///ABSOLUTE/PATH?option=value`.

The path is always absolute, so that a listener and a worker started in different folders mean the same file;
`sqlite:////ABSOLUTE/PATH`, as other libraries write it, is the same address.
"""

import dataclasses
from pathlib import Path
from urllib.parse import quote, urlencode

from yarl import URL

from .errors import BadBrokerUrl

_DAY_MS = 24 * 60 * 60 * 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How a worker uses its broker file; each is an option of the address.

    synchronous: `full` waits for the disk at each of the worker's commits; `normal` lets a power cut take the last
        ones, from which the worker then works again. A listener's Store is FULL whatever is said here.
    poll_ms: how often to look for records of other processes.
    busy_seconds: how long to wait for another process's transaction before a write counts as failed.
    retention_days: how long records of plain topics are kept after every group has read them; 0 for ever. A topic's
        own retention comes first.
    retention_mb: above this size of the file, read records go even before that age; 0 for no bound.
    """

    path: Path
    synchronous: str = "normal"
    poll_ms: int = 5
    busy_seconds: int = 10
    retention_days: int = 0
    retention_mb: int = 0

    @property
    def retention_ms(self) -> int | None:
        """The default age records are kept, or None for ever."""
        return self.retention_days * _DAY_MS or None

    @property
    def bytes_max(self) -> int:
        """The most bytes records may take before read ones go early; 0 for no bound."""
        return self.retention_mb * 1024 * 1024


def broker_url(path: Path | str, **options: object) -> str:
    """Return the address of a broker file; a relative path is taken from the present directory.

    Commas and the like are quoted, since Faust splits a broker's address at them.
    """
    query = f"?{urlencode(options)}" if options else ""
    return f"sqlite://{quote(str(Path(path).resolve()))}{query}"


def broker_file(url: str | URL) -> Path:
    """Return the broker file an address stands for."""
    return options_from(URL(url)).path


def options_from(url: URL) -> Options:
    """Read an address.

    Raises:
        BadBrokerUrl: no absolute path (`sqlite://dir/file` has a host called dir), or an option that is not known.
    """
    if url.scheme != "sqlite" or url.host or not url.path.startswith("/") or url.path.endswith("/"):
        raise BadBrokerUrl(f"{url}: write sqlite:///ABSOLUTE/PATH, with three slashes and the name of a file")
    known = {field.name: field.type for field in dataclasses.fields(Options) if field.name != "path"}
    values: dict[str, object] = {}
    for name, value in url.query.items():
        if name not in known:
            raise BadBrokerUrl(f"{url}: unknown option {name}; known are {', '.join(known)}")
        values[name] = value.lower() if name == "synchronous" else _whole_number(url, name, value)
    options = Options(Path("/" + url.path.lstrip("/")), **values)  # type: ignore[arg-type]
    if options.synchronous not in ("full", "normal"):
        raise BadBrokerUrl(f"{url}: synchronous is full or normal")
    return options


def _whole_number(url: URL, name: str, value: str) -> int:
    if not value.isdecimal():
        raise BadBrokerUrl(f"{url}: {name} is a whole number")
    return int(value)
