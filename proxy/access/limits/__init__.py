"""Rate limits for each client key: requests and tokens a minute, streams at a time.

Rule: ``kinds`` lists the limits, a store counts, ``limiter`` decides, ``headers`` reports. Keys leave
this package only as hashes (docs/features.md "Configuration").
"""
