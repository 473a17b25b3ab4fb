"""A chat server as websockets' documentation has it, on uvloop: what fan-out is compared with."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop
from websockets import ConnectionClosed
from websockets.asyncio.server import ServerConnection, broadcast, serve


async def chat() -> None:
    """Everything that a member says goes to all."""
    members: set[ServerConnection] = set()

    async def member(connection: ServerConnection) -> None:
        members.add(connection)
        try:
            async for message in connection:
                broadcast(members, message)
        except ConnectionClosed:
            pass  # by a reset: the benchmark is over
        finally:
            members.discard(connection)

    async with serve(member, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=4096) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        sys.stdout.write(f"http://127.0.0.1:{port}/\n")
        sys.stdout.flush()
        stop = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
        await stop
        server.close(close_connections=False)


if __name__ == "__main__":
    uvloop.run(chat())
