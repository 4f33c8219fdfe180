"""Clients that go away in the middle of a mutation: it happens whole or not at all."""

import asyncio
import json
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from domain.wiring import Services
from tests.support import callers, servers, tables
from tests.support.arenas import arrive

LEAVERS = 30
QUIET_SECONDS = 0.5
MOST_LOOKS = 40
# Closing with this option resets the connection instead of ending it politely.
RESET = struct.pack("ii", 1, 0)


def _request(name: str, token: str, host: str) -> bytes:
    document = "mutation($name: String!) { createOrganization(input: { name: $name }) { organization { id } } }"
    body = json.dumps({"query": document, "variables": {"name": name}}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _send_and_leave(url: str, request: bytes, *, reset: bool) -> None:
    host, _, port = urlsplit(url).netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.sendall(request)


async def _settled(services: Services, before: dict[str, list[str]]) -> dict[str, list[str]]:
    """Give every row once the server has done something and has come to rest."""
    known = before
    for _ in range(MOST_LOOKS):
        found = await tables.dump(services.database)
        if found == known != before:
            return found
        known = found
        await asyncio.sleep(QUIET_SECONDS)
    raise AssertionError("the server has done nothing, or does not come to rest")


async def test_a_client_that_leaves_leaves_a_whole_mutation_or_none(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    token = callers.token((await arrive(services, "leaver")).subject)

    with servers.running(1, environ=environ, folder=tmp_path) as (server,):
        before = await tables.dump(services.database)
        for number in range(LEAVERS):
            request = _request(f"Left {number}", token, urlsplit(server.url).netloc)
            await asyncio.to_thread(_send_and_leave, server.url, request, reset=number % 2 == 0)
            # Now at once, now in the middle of the work.
            await asyncio.sleep(number % 5 / 500)
        after = await _settled(services, before)
        async with httpx.AsyncClient() as client:
            still = await client.get(f"{server.url}/readyz")

    founded = len(after["organizations"]) - len(before["organizations"])
    assert 0 < founded <= LEAVERS
    assert tables.changes(before, after) == dict.fromkeys(
        ["organizations", "customers", "memberships", "seat_pools", "seat_holders", "audit_events", "audit_labels"],
        (0, founded),
    )
    assert still.status_code == httpx.codes.OK
