"""The upstreams and models that the operator registered."""
