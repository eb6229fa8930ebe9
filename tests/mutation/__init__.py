"""Mutation testing of the code that money, supply and time hang on, and the floors of its branch coverage.

`python -m tests.mutation run` changes one thing in that code at a time and expects a test to fail; what no test
notices must stand in survivors/ with a reason. `python -m tests.mutation coverage` measures lines and branches.
"""
