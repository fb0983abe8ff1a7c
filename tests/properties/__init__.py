"""Many inputs for one rule: lists of hostile texts, and state machines that try events in random orders."""
