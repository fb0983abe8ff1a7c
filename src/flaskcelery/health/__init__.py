"""Health: what monitors and container probes ask."""
