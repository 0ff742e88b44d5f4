"""Which requests are accepted: authentication, cross-site check, admission, rate limits."""
