"""A meter profile somebody wrote: ConfigError, or a profile from which a meter can be built and read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway import shipped
from gateway.errors import ConfigError
from gateway.meters import profile
from tests.fuzz.mutation import mutate_toml
from tests.fuzz.target import Target
from tests.fuzz.targets.meter_values import Answers, _meter, judge, observe

_PARSE = profile.parse.__wrapped__  # the cache would hide how long the second reading takes


def check(data: bytes) -> None:
    try:
        model = _PARSE(data, "fuzzed.toml", "m")
    except ConfigError:
        return
    if not model.can_bill:
        return
    link = Answers()
    for link.content in (b"\0\1", b"\x7f\x80\0\0", b"\xff"):
        seen = observe(_meter(model, link))
        if seen is not None:
            judge(seen)


def seeds() -> Iterator[bytes]:
    for path in sorted((shipped.folder() / "meters").glob("*.toml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line.partition("  #")[0] for line in lines if line and not line.startswith("#")]
        kept = ['model = "m"' if line.startswith("model = ") else line for line in kept]
        text = "\n".join(kept)
        for name in ("sources", "quirks"):
            text = re.sub(rf"^{name} = \[\n.*?^\]$", f'{name} = ["x"]', text, flags=re.DOTALL | re.MULTILINE)
        yield text.encode()


TARGET = Target(check, seeds, mutate_toml, max_bytes=5000)
