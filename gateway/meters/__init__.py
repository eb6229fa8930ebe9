"""Meters: profiles as data, one task per bus, and the loop that makes the supply what the account says it must be."""
