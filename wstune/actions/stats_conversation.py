"""GET /stats: one deadline for all who are asked, one size for each answer, and no redirect is followed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

from wstune.actions import server_figures
from wstune.actions.server_figures import Answer, NotKnown, ServerFigures
from wstune.actions.stats_sources import Source
from wstune.burst import tls
from wstune.protocol import http1

SECONDS = 3.0
"""From the first connect() to the last byte of the last answer."""
LARGEST = 1 << 20
"""Bytes of a whole answer."""


def ask_all(asked: Sequence[tuple[Source, ...]], token: str = "") -> list[Answer]:
    """What each tells, in their order; whoever tells nothing in time is not known. Takes at most SECONDS."""
    return asyncio.run(_ask_all(asked, token)) if asked else []


async def _ask_all(asked: Sequence[tuple[Source, ...]], token: str) -> list[Answer]:
    until = asyncio.get_running_loop().time() + SECONDS
    return list(await asyncio.gather(*(_first(each, token, until) for each in asked)))


async def _first(sources: tuple[Source, ...], token: str, until: float) -> Answer:
    """Of the places where a server may be asked, the first that tells its figures; else why the first does not."""
    reasons = []
    for source in sources:
        answer = await _ask(source, token, until)
        if isinstance(answer, ServerFigures):
            return answer
        reasons.append(answer)
    return reasons[0] if reasons else NotKnown("no --stats says where it tells them")


async def _ask(source: Source, token: str, until: float) -> Answer:
    try:
        async with asyncio.timeout_at(until):
            return _figures(await _exchange(source, token))
    except TimeoutError:
        return NotKnown(f"/stats was not answered within {SECONDS:g} s")
    except ssl.SSLCertVerificationError:
        return NotKnown("its certificate is not trusted")
    except OSError as error:
        return NotKnown(f"/stats cannot be asked for: {_words(error)}")
    except http1.HandshakeError:
        return NotKnown("/stats is not answered in HTTP")
    except ValueError as error:
        return NotKnown(str(error))


async def _exchange(source: Source, token: str) -> bytes:
    """Ask, and read the answer to its end."""
    context = tls.context(source.security.ca, insecure=source.security.insecure) if source.name else None
    reader, writer = await asyncio.open_connection(
        source.address, source.port, ssl=context, server_hostname=source.name or None
    )
    try:
        writer.write(_request(source, token))
        data = bytearray()
        while chunk := await reader.read(1 << 16):
            data += chunk
            if len(data) > LARGEST:
                raise ValueError(f"the answer to /stats is larger than {LARGEST:,} bytes")
            if _is_whole(data):
                break
        return bytes(data)
    finally:
        writer.transport.abort()


def _request(source: Source, token: str) -> bytes:
    """HTTP/1.0: an answer then has neither chunks nor a connection that is kept (RFC 9112 section 9.3)."""
    lines = [f"GET {source.path} HTTP/1.0", f"Host: {source.host}", "Connection: close"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def _is_whole(data: bytearray) -> bool:
    """Whether all is there that Content-Length announces."""
    end = data.find(b"\r\n\r\n", 0, http1.MAX_HEAD)
    if end < 0:
        return False
    length = _fields(bytes(data[: end + 4]))[1].get(b"content-length", b"")
    return _is_length(length) and len(data) >= end + 4 + int(length)


def _figures(data: bytes) -> ServerFigures:
    """Raises ValueError, HandshakeError."""
    end = data.find(b"\r\n\r\n", 0, http1.MAX_HEAD)
    if end < 0:
        raise ValueError("/stats is not answered in HTTP")
    status, fields = _fields(data[: end + 4])
    if status != 200:
        more = " (it takes --stats-token, or --stats URL of its --metrics)" if status in (401, 403) else ""
        raise ValueError(f"/stats is answered with {status}{more}")
    if b"transfer-encoding" in fields or fields.get(b"content-encoding", b"identity").lower() != b"identity":
        raise ValueError("/stats is answered in a coding that was not asked for")
    body = data[end + 4 :]
    if b"content-length" in fields:
        length = fields[b"content-length"]
        if not _is_length(length) or len(body) < int(length):
            raise ValueError("the answer to /stats is cut short")
        body = body[: int(length)]
    return server_figures.read(body)


def _fields(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    """Status and fields. Raises HandshakeError, ValueError."""
    start, fields = http1.split_head(head, 0)
    version, _, rest = start.partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/1.") or len(code) != 3 or not code.isdigit() or rest[3:4] not in (b"", b" "):
        raise ValueError("/stats is not answered in HTTP")
    return int(code), fields


def _is_length(text: bytes) -> bool:
    return text.isdigit() and len(text) <= 10


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "TLS fails"
    return (error.strerror or "no connection").lower() if error.errno else "no connection"
