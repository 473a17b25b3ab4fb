"""TLS of wss connections, by the standard library's ssl. Imported only when the target is wss."""

from __future__ import annotations

import errno
import select
import socket
import ssl

from wstune.burst import tally as t
from wstune.chat.tls import Tls

_NAME = (62, 64)  # x509_vfy.h X509_V_ERR_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH
_TIME = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED


def context(ca: str = "", *, insecure: bool = False) -> ssl.SSLContext:
    """A client's context: the system's trust store, or the authorities of a PEM file.

    Raises OSError (which ssl.SSLError is) for a file that does not serve.
    """
    made = ssl.create_default_context(cafile=ca or None)
    made.options |= ssl.OP_NO_RENEGOTIATION
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


class ClientTls(Tls):
    """The client's side of TLS on connected descriptors; `read` and `write` as those of os."""

    def begin(self, fd: int, name: str) -> None:
        """Take over a connected descriptor; `name` is asked for (SNI) and must be the certificate's."""
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fd)  # the family only matters for names
        try:
            plain.setblocking(False)
            self._sockets[fd] = self._context.wrap_socket(plain, do_handshake_on_connect=False, server_hostname=name)
        except BaseException:
            plain.detach()
            raise

    def handshake(self, fd: int) -> int:
        """Go on with the handshake: 0 when it is done, else the epoll event to wait for. Raises OSError."""
        try:
            self._sockets[fd].do_handshake()
        except ssl.SSLWantReadError:
            return select.EPOLLIN
        except ssl.SSLWantWriteError:
            return select.EPOLLOUT
        return 0

    def read(self, fd: int, size: int) -> bytes:
        """As os.read; what breaks TLS is EPROTO, not the number that OpenSSL has for it."""
        try:
            return super().read(fd, size)
        except ssl.SSLError:
            raise OSError(errno.EPROTO, "TLS") from None

    def write(self, fd: int, data: bytes | bytearray) -> int:
        """As os.write."""
        try:
            return super().write(fd, data)
        except ssl.SSLError:
            raise OSError(errno.EPROTO, "TLS") from None

    def forget(self, fd: int) -> None:
        """Give the descriptor back, without a word to the peer."""
        secured = self._sockets.pop(fd, None)
        if secured is not None:
            secured.detach()


def code(error: OSError) -> int:
    """The tally's code of a handshake that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_code
        return t.CERT_NAME if reason in _NAME else t.CERT_EXPIRED if reason in _TIME else t.CERT_UNTRUSTED
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return t.EOF
    if not isinstance(error, ssl.SSLError):
        return error.errno or 0
    reason_name = error.reason or ""
    if reason_name in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        return t.NOT_TLS
    if "VERSION" in reason_name or reason_name == "UNSUPPORTED_PROTOCOL":
        return t.TLS_VERSION
    return t.TLS_ALERT if "ALERT" in reason_name else t.TLS_FAILED
