"""The operator's configuration, as values. Imports nothing from `proxy`."""
