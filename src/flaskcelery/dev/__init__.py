"""Pages for developers. Production does not register them."""
