"""Listening sockets of the chat server: one a worker, sharing a port by SO_REUSEPORT; or those systemd gave. Lean."""

from __future__ import annotations

import socket
import struct

from wstune.chat.options import Options
from wstune.host.addresses import bindable

_DEFER_ACCEPT = 9  # linux/tcp.h TCP_DEFER_ACCEPT: wake the server when the request is there
_USER_TIMEOUT = 18  # linux/tcp.h TCP_USER_TIMEOUT, milliseconds
_GONE_SECONDS = 60
_PROBES = 4


def listen(address: str, port: int, backlog: int, options: Options) -> socket.socket:
    """A listener that shares its port. Raises OSError (EADDRINUSE, EADDRNOTAVAIL, EACCES …)."""
    listener = socket.socket(_family(address), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or TIME_WAITs keep a restart out for a minute
        configure(listener, options)
        listener.bind(bindable(address, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def configure(listener: socket.socket, options: Options) -> None:
    """Set what the accepted sockets inherit (net/core/sock.c:sk_clone)."""
    listener.setblocking(False)
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.IPPROTO_TCP, _DEFER_ACCEPT, 1)
    if options.reset_on_close:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if options.kernel_send_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.kernel_send_buffer)
    if options.keepalive:  # an idle peer that vanished is found in two minutes, one that takes nothing in one
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _GONE_SECONDS)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _GONE_SECONDS // _PROBES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
        listener.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, _GONE_SECONDS * 1000)


def port_is_taken(address: str, port: int) -> bool:
    """Whether somebody listens there: SO_REUSEPORT would let us share the port with another server of our user."""
    with socket.socket(_family(address), socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(bindable(address, port))
        except OSError:
            return True
        return False


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
