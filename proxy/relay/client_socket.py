"""The client's connection while its request is answered.

Rule: nothing here waits; each function is one or two system calls on the socket.
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
    """A poll object that only asks the kernel; gevent's would yield to the loop."""
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
    # gevent's own shutdown would turn the failure into a bad file descriptor.
    with (
        contextlib.suppress(OSError),
        _plain_socket(fileno=os.dup(client.fileno())) as sock,
    ):
        sock.shutdown(socket.SHUT_RDWR)


def hold_packets(client: Any) -> None:
    """Let the end of the answer and that of the connection leave in one packet.

    The answer's head promised to keep the connection open: the client must not send another
    request between the two.
    """
    # Not every system has TCP_CORK.
    with contextlib.suppress(OSError, AttributeError):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
