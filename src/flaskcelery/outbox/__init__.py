"""What is owed: rows written with the change that owes them, and worked off until they are settled."""
