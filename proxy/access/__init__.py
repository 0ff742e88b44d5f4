"""Who may call, and how much: authentication, cross-site requests, admission, rate limits."""
