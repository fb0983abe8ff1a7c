"""The security requirements, each with its test."""
