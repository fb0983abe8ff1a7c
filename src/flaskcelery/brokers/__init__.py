"""The two brokers: files, for a development machine, and Redis."""
