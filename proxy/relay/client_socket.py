"""The client's connection while its request is answered.

Rule: no function waits; each makes one or two system calls on the socket.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from typing import Any

from gevent.monkey import get_original

HANGUP = getattr(select, "POLLRDHUP", 0)
"""The poll event of a socket whose other side is closed."""

_plain_socket = get_original("socket", "socket")


def kernel_poll() -> Any:
    """The standard library's poll object, because gevent's would yield to the loop."""
    return get_original("select", "poll")()


def is_closed(client: Any) -> bool:
    """Whether the other side of ``client`` closed the connection.

    A half-closed connection counts as closed: the kernel does not distinguish them.
    """
    poll = kernel_poll()
    poll.register(client.fileno(), HANGUP)
    return bool(poll.poll(0))


def shut_down(client: Any) -> None:
    """Make a blocked write to ``client`` fail at once, as for a client that left."""
    # After gevent's own shutdown the write would fail with another error: bad file descriptor.
    with (
        contextlib.suppress(OSError),
        _plain_socket(fileno=os.dup(client.fileno())) as sock,
    ):
        sock.shutdown(socket.SHUT_RDWR)


def hold_packets(client: Any) -> None:
    """Make the kernel send the end of the answer and the end of the connection in one packet.

    The answer's headers announced that the connection stays open, so a client could send another
    request between the two.
    """
    # Not every system has TCP_CORK.
    with contextlib.suppress(OSError, AttributeError):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
