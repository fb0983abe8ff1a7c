"""The staff's pages: lists, single rows and acts, declared a page at a time."""
