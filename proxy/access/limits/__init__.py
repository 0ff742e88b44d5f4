"""Rate limits for each client key: requests and tokens a minute, streams at a time.

Rule: a store counts, ``levels`` words what the counts mean, ``limiter`` decides; no key leaves this
package but as a hash (docs/features.md "Configuration").
"""
