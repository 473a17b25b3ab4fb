"""How a chat server behaves. Lean: every worker has one.

The defaults bound nothing but what RFC 6455 and memory demand, so that a burst measures the host and no rule of ours;
what `wstune serve` opens to the world is bounded by `actions/serve.py`.
"""

from __future__ import annotations

KERNEL_SEND_BUFFER = 65_536
"""SO_SNDBUF of a connection of `wstune serve`. Without it the kernel lets a reader that stalls pin up to tcp_wmem[2],
4 MiB; with it the bound of what a slow reader costs is this (doubled, socket(7)) and `send_buffer`."""


class Options:
    """Sizes in bytes, times in seconds; 0 of a bound means that there is none.

    Attributes:
        max_connections: of all workers together.
        worker_connections: of one worker, so that descriptors are left for whoever must be refused.
        max_rooms: of one worker.
        max_message: payload of a message.
        send_buffer: what is kept for a connection whose peer does not read.
        buffers: what a worker keeps for all its connections together: requests, frames and messages under way.
        handshake_deadline: from accept to the end of the request.
        frame_deadline: from a message's first byte to its last.
        idle: without a byte received; at half of it a PING asks.
        rate: frames a second that one connection may send, twice that in a burst.
        deliveries: frames a second that all workers deliver together.
        origins: whole origins, lower case, whose pages may connect besides our own; `*`: all.
        local: bound to loopback, so only names of this host are believed in Host.
        expose_metrics: whether everybody may see /stats and /metrics, on the public port too.
        token: who shows it may see them as well (RFC 6750 section 2.1); empty: there is none.
        figures_local: the listener of the figures is bound to loopback, and answers to names of this host.
        presence: whether the workers tell each other who is where, once a second.
        keepalive: whether the kernel looks for peers that vanished.
        reset_on_close: close by RST, so that a million closes leave no TIME_WAIT.
        kernel_send_buffer: SO_SNDBUF; 0 leaves it to the kernel.
        access_log: a line on stderr for each request.
        tls: None, or a context of the standard library's ssl.
    """

    __slots__ = (
        "access_log",
        "buffers",
        "deliveries",
        "expose_metrics",
        "figures_local",
        "frame_deadline",
        "handshake_deadline",
        "idle",
        "keepalive",
        "kernel_send_buffer",
        "local",
        "max_connections",
        "max_message",
        "max_rooms",
        "origins",
        "presence",
        "rate",
        "reset_on_close",
        "send_buffer",
        "tls",
        "token",
        "worker_connections",
    )

    def __init__(self, **chosen: object) -> None:
        self.max_connections = 0
        self.worker_connections = 0
        self.max_rooms = 1024
        self.max_message = 65_536
        self.send_buffer = 262_144
        self.buffers = 0
        self.handshake_deadline = 10.0
        self.frame_deadline = 30.0
        self.idle = 0
        self.rate = 0
        self.deliveries = 0
        self.origins: frozenset[bytes] = frozenset()
        self.local = False
        self.expose_metrics = False
        self.token = b""
        self.figures_local = False
        self.presence = False
        self.keepalive = False
        self.reset_on_close = False
        self.kernel_send_buffer = 0
        self.access_log = False
        self.tls: object = None
        for name, value in chosen.items():
            setattr(self, name, value)
