"""gunicorn and gevent: the master, its workers, the connections of clients."""
