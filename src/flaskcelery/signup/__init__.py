"""Sign up: the page, the rule, and the welcome email."""
