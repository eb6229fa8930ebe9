"""The pure core: prepaid credit and the supply ladder as values and functions. Standard library only, no I/O.

Read `account.py` (what is remembered), `step.py` (the one step) and `ladder.py` (the rules), in this order.
"""
