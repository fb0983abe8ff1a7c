"""The origin's own framework as the judge: the same verdicts, where we promise the same."""
