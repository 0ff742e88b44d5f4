"""Which upstream answers a request, the dialect it speaks, and its health."""
