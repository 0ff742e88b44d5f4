"""One request, from the converted body to the last byte of its answer."""
