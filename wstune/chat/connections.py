"""One worker's connections: their states, sending with bounded buffers, and how each of them ends.

An idle connection is a byte of state and its place in a room: no Python object. What is incomplete (a request, a
message, an unsent answer, a farewell) has an object for just as long, and all of these together a bound.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import time
from array import array
from collections import deque

from wstune.chat import stats as s
from wstune.chat.options import Options
from wstune.chat.rooms import Rooms
from wstune.protocol import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wstune.chat.tls import Tls

NONE, PENDING, OPEN, CLOSING, LEAVING = range(5)
"""States of a descriptor: not ours; its request is not whole; a member; its last bytes are on their way; they have been
sent, and we wait for the peer to close."""

FAREWELL_SECONDS = 2.0
"""How long a peer has to close after our last byte. RFC 6455 §7.1.1: whoever closes at once, with bytes unread, sends a
reset, and the peer may lose what was said last."""
ANSWER_SECONDS = 10.0
"""How long a peer has to take our last bytes."""
_SHUT_WR = 1


class Connections:
    """Descriptors, and what is kept for those that are not idle.

    Attributes:
        states: of each descriptor.
        pending: of a connection whose request is not whole, its deadline, what has come, and whether it came by the
            listener of the figures; the first is due first.
        receivers, since: of a connection whose message is not whole, its state and when that began.
        outbox: of a connection that reads slowly, what it has still to take.
        paused: of a connection that must wait with what it says, what it has said.
        leaving: of a connection that is ending, its deadline.
        tokens: of a connection that has sent of late, when its frames will be within the rate again.
        names: of a connection that gave one.
        gone: of a connection to which nothing can be written any more, the reason; what it said is still to be read.
        held: bytes in all of these.
    """

    def __init__(self, stats: s.Stats, index: int, options: Options) -> None:
        self.stats = stats
        self.index = index
        self.row = stats.row(index)
        self.options = options
        self.rooms = Rooms(options.max_rooms)
        self.states = bytearray(1024)
        self.pending: dict[int, tuple[float, bytearray, bool]] = {}
        self.receivers: dict[int, frames.Receiver] = {}
        self.since: dict[int, float] = {}
        self.outbox: dict[int, bytearray] = {}
        self.paused: dict[int, deque[tuple[int, bytes]]] = {}
        self.leaving: dict[int, float] = {}
        self.tokens: dict[int, float] = {}
        self.names: dict[int, bytes] = {}
        self.gone: dict[int, int] = {}
        self.heard = array("I")  # twice the second in which bytes last came, + talk.ASKED; only with --idle
        self.held = 0
        self.epoll = select.epoll()
        self.read: Callable[[int, int], bytes] = os.read
        self.write: Callable[[int, bytes | bytearray], int] = os.write
        self.close: Callable[[int], None] = os.close
        self.tls: Tls | None = None
        self._shutdown = ctypes.CDLL(None).shutdown
        if options.tls is not None:
            from wstune.chat.tls import Tls

            self.tls = Tls(options.tls)  # type: ignore[arg-type]  # an ssl.SSLContext, whose import is not for all
            self.read, self.write, self.close = self.tls.read, self.tls.write, self.tls.close

    # Sending.

    def send(self, fd: int, data: bytes) -> None:
        """Send now what the peer takes, keep the rest."""
        if fd in self.outbox:
            self.hold(fd, data)
            return
        try:
            sent = self.write(fd, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.lose(fd, error)
            return
        if sent != len(data):
            self.hold(fd, data[sent:])

    def hold(self, fd: int, data: bytes) -> None:
        """Keep what a slow reader did not take; drop it when that exceeds its bound, or all together exceed theirs."""
        held = self.outbox.get(fd)
        if held is None:
            held = self.outbox[fd] = bytearray()
            self.watch(fd)
        held += data
        self.held += len(data)
        if self.states[fd] == OPEN:
            if len(held) > self.options.send_buffer:
                self.drop(fd, s.SLOW)
            elif self.crowded():
                self.drop(fd, s.MEMORY)

    def crowded(self) -> bool:
        """Whether more is kept, for all connections together, than may be."""
        return self.held > self.options.buffers > 0

    def watch(self, fd: int) -> None:
        """Tell epoll what we want to know of a descriptor."""
        mask = 0
        state = self.states[fd]
        if state == LEAVING:
            mask = select.EPOLLRDHUP  # whatever else it sends stays where it is: reading garbage would only cost
        elif state != CLOSING and fd not in self.paused:
            mask = select.EPOLLIN
        if fd in self.outbox:
            mask |= select.EPOLLOUT
        self.epoll.modify(fd, mask)

    def flush(self, fd: int) -> None:
        """Send on, what was kept."""
        held = self.outbox.get(fd)
        if held:
            try:
                sent = self.write(fd, held)
            except BlockingIOError:
                return
            except OSError as error:
                self.lose(fd, error)
                return
            del held[:sent]
            self.held -= sent
            if held:
                return
        if held is not None:
            del self.outbox[fd]
        if self.states[fd] == CLOSING:
            self.leave(fd)
        else:
            self.watch(fd)

    # Ending.

    def part(self, fd: int, last: bytes, reason: int) -> None:
        """Send last bytes to an open connection or one whose request has been read, and end it in an orderly way."""
        self.send(fd, last)
        if self.states[fd] in (OPEN, PENDING):  # sending may have ended it already
            self._count_out(fd, reason)
            self._forget(fd)
            self.states[fd] = CLOSING
            self.leaving[fd] = time.monotonic() + ANSWER_SECONDS
            if fd in self.outbox:
                self.watch(fd)
            else:
                self.leave(fd)

    def leave(self, fd: int) -> None:
        """Our last byte is sent: wait a little for the peer to close."""
        if self.options.reset_on_close:
            self.drop(fd, s.CLOSED)
            return
        if self.tls is not None:
            self.tls.shut(fd)
        self._shutdown(fd, _SHUT_WR)
        self.states[fd] = LEAVING
        self.leaving[fd] = time.monotonic() + FAREWELL_SECONDS
        self.watch(fd)

    def lose(self, fd: int, error: OSError) -> None:
        """Writing failed: the peer is gone. What a member said before it went is still there to be read, and is heard.

        Only what has to wait for its turn is not: nobody waits with the words of somebody who has hung up.
        """
        if self.states[fd] != OPEN or fd in self.paused:
            self.fail(fd, error)
            return
        self.gone.setdefault(fd, _why(error))
        unsent = self.outbox.pop(fd, None)
        if unsent is not None:
            self.held -= len(unsent)
            self.watch(fd)

    def fail(self, fd: int, error: OSError) -> None:
        """Reading failed, too: the peer is gone. Or nothing more can be watched (ENOSPC of epoll_ctl(2):
        fs.epoll.max_user_watches): what its peer sees as a cut is counted as a failed accept."""
        if error.errno == errno.ENOSPC:
            self.row[s.ACCEPT_ERRORS] += 1
            self.row[s.LAST_ERRNO] = errno.ENOSPC
        self.drop(fd, self.gone.get(fd, _why(error)))

    def drop(self, fd: int, reason: int) -> None:
        """End a connection in any state, at once."""
        self._count_out(fd, reason)
        self._forget(fd)
        self.states[fd] = NONE
        self.leaving.pop(fd, None)
        unsent = self.outbox.pop(fd, None)
        if unsent is not None:
            self.held -= len(unsent)
        try:
            self.close(fd)  # epoll forgets it with the last reference
        except OSError:
            pass  # close(2): whatever it says, the descriptor is free

    def _count_out(self, fd: int, reason: int) -> None:
        state = self.states[fd]
        if state == OPEN:
            self.row[s.CONNECTIONS] -= 1
            if self.stats.seats is not None:
                self.stats.seats.give_back()
        if state < CLOSING:  # those that are ending are counted already
            self.row[s.FIRST_REASON + reason] += 1

    def _forget(self, fd: int) -> None:
        """Everything that is kept for a connection, but what it has still to take."""
        self.rooms.leave(fd)
        if self.tokens:
            self.tokens.pop(fd, None)
        if self.names:
            self.names.pop(fd, None)
        if self.gone:
            self.gone.pop(fd, None)
        waiting = self.pending.pop(fd, None)
        if waiting is not None:
            self.held -= len(waiting[1])
        receiver = self.receivers.pop(fd, None)
        if receiver is not None:
            self.since.pop(fd, None)
            self.held -= receiver.buffered
        said = self.paused.pop(fd, None)
        if said is not None:
            self.held -= sum(len(payload) for _, payload in said)
        if fd < len(self.heard):
            self.heard[fd] = 0


def _why(error: OSError) -> int:
    """The reason that an error of reading or writing is."""
    return s.TIMEOUT if error.errno in (errno.ETIMEDOUT, errno.EHOSTUNREACH) else s.RESET
