"""All tests. Their modules are collected and imported with hardly any garbage collection, which would find none."""

import gc

gc.set_threshold(50_000)
