"""The origin's own framework as the ask_django: the same verdicts, where we promise the same."""
