"""The audit trail: one row and one log line for each event that touches an account."""
