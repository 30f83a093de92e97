"""Free TCP ports on 127.0.0.1."""

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """Return distinct ports that nothing listens on now.

    They are reserved for nobody: start the server soon, and expect that it may fail to bind.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def free_port() -> int:
    """Return one port that nothing listens on now."""
    return free_ports(1)[0]
