"""What a RTU line may say to the adapter: MeterError, or an answer that was really there (I21, threat 16)."""

from functools import partial

from tests.fuzz import line
from tests.fuzz.target import Target

TARGET = Target(partial(line.check, tcp=False), line.seeds, line.mutate, max_bytes=1200)
