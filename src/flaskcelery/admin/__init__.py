"""The admin: pages for staff, each declared over a model and the operations on its rows."""
