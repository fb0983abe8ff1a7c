"""Sign-up, login and a welcome email that is never lost."""

import gc

gc.set_threshold(10_000)  # the default of 700 looks through all modules again and again while they are imported
