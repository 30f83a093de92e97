"""`dripcode health`: what a container or a unit is asked by."""

import asyncio
import socket
from collections.abc import Sequence

from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from streams.cli.health import command
from streams.ops import serve_ops
from tests.servers.ports import free_port, free_ports

NAMES = ("LISTENER_METRICS_LISTEN", "METRICS_LISTEN", "PROJECTOR_METRICS_LISTEN", "WEB_METRICS_LISTEN")


def asked(troubles: dict[str, str], arguments: Sequence[str] = ()) -> Result:
    """What the command says while processes with these troubles answer, by the setting of their address."""
    ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
    environment = {f"DRIPCODE_{name}": f"0.0.0.0:{port}" for name, port in ports.items()}

    async def ask() -> Result:
        runners = [
            await serve_ops(f"127.0.0.1:{ports[name]}", CollectorRegistry(), lambda said=trouble: said)
            for name, trouble in troubles.items()
        ]
        try:
            return await asyncio.to_thread(CliRunner().invoke, command, list(arguments), env=environment)
        finally:
            for runner in runners:
                assert runner is not None
                await runner.cleanup()

    return asyncio.run(ask())


def test_whatever_runs_here_is_asked_and_must_be_ready() -> None:
    well = asked({"METRICS_LISTEN": ""})
    assert (well.exit_code, well.output) == (0, "run: ok\n")
    ill = asked({"METRICS_LISTEN": "", "WEB_METRICS_LISTEN": "read model away"})
    assert (ill.exit_code, ill.output) == (1, "run: ok\nweb: read model away\n")


def test_where_nothing_runs_nothing_is_well() -> None:
    none = asked({})
    assert (none.exit_code, none.output) == (1, "no process of dripcode answers here\n")


def test_a_process_that_is_named_must_answer() -> None:
    missing = asked({"METRICS_LISTEN": ""}, ["run", "listen"])
    assert (missing.exit_code, missing.output) == (1, "run: ok\nlisten: does not answer\n")


def test_something_else_on_the_port_is_no_process_of_ours() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as other:

        async def ask() -> Result:
            environment = {"DRIPCODE_METRICS_LISTEN": f"127.0.0.1:{port}"}
            asking = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, command, ["run"], env=environment))
            connection, _ = await asyncio.to_thread(other.accept)
            with connection:
                connection.recv(1000)
                connection.sendall(b"\x0bMSA|AR\x1c\r\n\r\n")
            return await asking

        told = asyncio.run(ask())
    assert (told.exit_code, told.output) == (1, "run: something else answers there\n")
