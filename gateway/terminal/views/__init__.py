"""The verbs of the console and how their answers read, one file for each area."""
