"""Ports that tests give to servers."""

import socket

from tests.servers.ports import free_port, free_ports


def test_free_ports_are_distinct_and_can_be_bound() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", port))


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        assert held.getsockname()[1] not in {free_port() for _ in range(50)}
