"""Post-paid delinquency: vectors, refusals, and random lives held against a calendar of their own."""
