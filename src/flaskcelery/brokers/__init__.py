"""The two brokers: files on a development machine, and Redis."""
