"""What every page shares: headers, guards, the session cookie, forms, rate limits, error pages, static files."""
