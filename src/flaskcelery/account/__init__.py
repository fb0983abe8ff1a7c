"""My account: what its owner sees and changes, and the pages that links in emails open."""
