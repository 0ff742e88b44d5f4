"""The choice of the upstream for a request, the upstream's profile, and its health."""
