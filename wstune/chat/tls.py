"""TLS for the chat server, by the standard library's ssl: reading and writing descriptors as os.read and os.write do.

Imported only when there is a certificate. An idle connection then costs an SSL object of OpenSSL and its socket, some
15 KB, where a plain one costs next to nothing.
"""

from __future__ import annotations

import os
import socket
import ssl

_RECORD = 16_384  # plaintext bytes of the largest TLS record, RFC 8446 §5.1


def context(cert: str, key: str | None) -> ssl.SSLContext:
    """A server's context, TLS 1.2 or newer. Raises OSError (which ssl.SSLError is) for files that do not serve."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION
    made.load_cert_chain(cert, key)
    return made


class Tls:
    """The TLS side of descriptors; each raises BlockingIOError when the peer must move first."""

    def __init__(self, made: ssl.SSLContext) -> None:
        self._context = made
        self._sockets: dict[int, ssl.SSLSocket] = {}

    def start(self, fd: int) -> None:
        """Take over an accepted descriptor; the handshake happens while reading. Raises OSError if the peer is gone."""
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fd)  # the family only matters for names
        try:
            plain.setblocking(False)
            self._sockets[fd] = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        except BaseException:
            plain.detach()
            raise

    def read(self, fd: int, size: int) -> bytes:
        """As os.read. Whole records are read, so that OpenSSL keeps nothing of which epoll would not tell."""
        if fd not in self._sockets:  # of the listener of the figures, on loopback
            return os.read(fd, size)
        try:
            return self._sockets[fd].recv(max(size, _RECORD))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def write(self, fd: int, data: bytes | bytearray) -> int:
        """As os.write."""
        if fd not in self._sockets:
            return os.write(fd, data)
        try:
            return self._sockets[fd].send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def shut(self, fd: int) -> None:
        """Say that nothing more will be written (close_notify)."""
        if fd not in self._sockets:
            return
        try:
            self._sockets[fd]._sslobj.shutdown()  # type: ignore[attr-defined]  # unwrap() would lose the object
        except (OSError, ValueError):
            pass  # it waits for the peer's, or the peer is gone

    def close(self, fd: int) -> None:
        """Close the descriptor."""
        secured = self._sockets.pop(fd, None)
        if secured is None:
            os.close(fd)
        else:
            secured.close()
