"""The outbox: pending tasks, saved with the change that needs them and processed until each is done or failed."""
