"""What the gateway makes for the outside and signs: load curves, statements, registers of top-ups, evidence."""
