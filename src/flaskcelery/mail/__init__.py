"""Flask-Mail made reliable: messages, SMTP with deadlines and verified TLS, and what each failure means."""
