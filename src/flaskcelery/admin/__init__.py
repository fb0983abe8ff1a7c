"""The staff's pages: lists, single rows and actions, declared a page at a time."""
