"""Sign up: the page, the rule, and the welcome mail that it owes."""
