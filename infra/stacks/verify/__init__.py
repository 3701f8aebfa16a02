"""`make verify`: a smoke test on real accounts, which leaves nothing behind."""
