"""Rate limits for each client key: requests and tokens a minute, streams at a time.

Rule: ``kinds`` lists the limits, a store counts, ``limiter`` accepts or refuses requests, ``headers``
reports the limits. Only hashes of client keys are stored (docs/features.md "Configuration").
"""
