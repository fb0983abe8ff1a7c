"""My account: what its owner sees of it and may change."""
