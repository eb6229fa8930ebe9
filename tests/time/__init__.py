"""Proof that no lie of a clock shortens anybody's term: the same life with and without lies (issue 3, part 3)."""
