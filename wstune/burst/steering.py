"""Which servers of a burst get the next connections: a few at a time, block by block. Lean.

SO_REUSEPORT spreads connections over all listeners by hash. With fifty of them a process then wakes for one connection,
its caches cold: 61,189 were opened in 2.3 s by 4 servers and in 4.9 s by 52. A program of classic BPF chooses instead
(socket(7), SO_ATTACH_REUSEPORT_CBPF; net/core/sock_reuseport.c), by chance within a block.
"""

from __future__ import annotations

import ctypes
import socket
import struct

from wstune.burst.pacing import split

_ATTACH, _DETACH = 51, 68  # asm-generic/socket.h SO_ATTACH_REUSEPORT_CBPF (4.5), SO_DETACH_REUSEPORT_BPF (5.3)
_LOAD, _MODULO, _ADD, _RETURN = 0x20, 0x94, 0x04, 0x16  # linux/bpf_common.h: ld [k], % k, + k, ret a
_RANDOM = 0xFFFFF000 + 56  # linux/filter.h SKF_AD_OFF + SKF_AD_RANDOM


class Steering:
    """Holds a listener of the group until `end`: its own server must be alive, or nobody takes what comes to it."""

    def __init__(self, listener: socket.socket, servers: int, at_once: int, connections: int) -> None:
        self._listener = listener
        self._turns = turns(servers, at_once, connections)

    def move(self, started: int) -> None:
        """So many connections were begun: let those servers have the next ones whose turn it is."""
        turn = None
        while self._turns and started >= self._turns[0][0]:
            turn = self._turns.pop(0)
        if turn is not None:
            _, first, count = turn
            self._set(_ATTACH, program(first, count))

    def end(self) -> None:
        """Let all have them again."""
        self._turns = []
        self._set(_DETACH, struct.pack("i", 0))
        self.close()

    def close(self) -> None:
        """Let go of the listener: in a process that was forked, at once."""
        self._listener.close()

    def _set(self, option: int, code: bytes) -> None:
        try:
            if option == _ATTACH:
                filters = ctypes.create_string_buffer(code, len(code))
                code = struct.pack("@HP", len(code) // 8, ctypes.addressof(filters))
            self._listener.setsockopt(socket.SOL_SOCKET, option, code)
        except OSError:
            self._turns = []  # not here: by hash, then, as without it


def turns(servers: int, at_once: int, connections: int) -> list[tuple[int, int, int]]:
    """From which connection on which servers have their turn: (connection, first server, how many), in equal shares."""
    found, first = [], 0
    for count in split(servers, -(-servers // max(1, at_once))):
        found.append((connections * first // servers, first, count))
        first += count
    return found


def program(first: int, count: int) -> bytes:
    """The instructions that choose one of `count` listeners from `first` on, by chance."""
    steps = ((_LOAD, _RANDOM), (_MODULO, count), (_ADD, first), (_RETURN, 0))
    return b"".join(struct.pack("@HBBI", code, 0, 0, number) for code, number in steps)
