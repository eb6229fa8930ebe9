"""Draws one snapshot: `render` is a pure function of what was heard and of the size of the terminal.

Every fact is a word or a shape as well as a colour, so it reads the same without colours.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.style import Style
from rich.text import Text

from gateway.demo.scene import HISTORY_S, AccountScene, RowScene, Snapshot, rounded

_STATES = {
    "NORMAL": ("green", "all is well"),
    "LOW_CREDIT": ("yellow", "time to top up"),
    "GRACE": ("dark_orange", "credit used up, supply on"),
    "LIMITED": ("magenta", "reduced power"),
    "SUSPENDED": ("red", "no supply before a top-up"),
    "TERMINATED": ("bright_black", "the contract has ended"),
}
_KEYS = (
    ("t", "top up"),
    ("l", "load"),
    ("b", "broker"),
    ("m", "meter"),
    ("s", "lock-out"),
    ("1/2", "account"),
    ("q", "quit"),
)
_DIGITS = {
    "0": ("█▀█", "█ █", "▀▀▀"),
    "1": ("▀█ ", " █ ", "▀▀▀"),
    "2": ("▀▀█", "█▀▀", "▀▀▀"),
    "3": ("▀▀█", " ▀█", "▀▀▀"),
    "4": ("█ █", "▀▀█", "  ▀"),
    "5": ("█▀▀", "▀▀█", "▀▀▀"),
    "6": ("█▀▀", "█▀█", "▀▀▀"),
    "7": ("▀▀█", "  █", "  ▀"),
    "8": ("█▀█", "█▀█", "▀▀▀"),
    "9": ("█▀█", "▀▀█", "▀▀▀"),
    "-": ("   ", "▀▀▀", "   "),
    ".": (" ", " ", "▀"),
    "?": ("▀▀█", " ▀▀", " ▀ "),
}
_BARS = " ▁▂▃▄▅▆▇█"
_SPARK_NAME = "load, last 60 s "
_FIXED_ROWS = 3  # header, note, keys
_LEAST_WIDTH = 60
_WIDE = 96
_PANEL_ROWS = 14
_PANEL_ROWS_MAX = 19
_JOURNAL_ROWS = 7


def render(snapshot: Snapshot, width: int, height: int) -> RenderableType:
    """The whole screen; below 60 columns only the selected account."""
    accounts = snapshot.accounts
    shown = list(enumerate(accounts)) if width >= _LEAST_WIDTH else [(snapshot.selected, accounts[snapshot.selected])]
    free = max(height - _FIXED_ROWS, _PANEL_ROWS)
    panel_rows = min(max(free - _JOURNAL_ROWS, _PANEL_ROWS), _PANEL_ROWS_MAX)
    journal_rows = free - panel_rows if free - panel_rows > _FIXED_ROWS else 0
    panels = Layout(name="accounts", size=panel_rows)
    panel_width = width // len(shown)
    panels.split_row(*(Layout(_account(snapshot, at, scene, panel_width, panel_rows)) for at, scene in shown))
    parts = [Layout(_header(snapshot, width), size=1), panels]
    if journal_rows:
        parts.append(Layout(_journal(snapshot, width, journal_rows), size=journal_rows))
    parts += [Layout(_note(snapshot, width), size=1), Layout(_keys(snapshot, width), size=1)]
    whole = Layout()
    whole.split_column(*parts)
    return whole


def _header(snapshot: Snapshot, width: int) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(" prepaid-gateway ", "bold reverse")
    _lamp(text, "broker", on=snapshot.broker)
    _lamp(text, "gateway", on=snapshot.gateway)
    for scene, plugged in zip(snapshot.accounts, snapshot.lines, strict=False):
        _lamp(text, f"meter {scene.account_id[-1]}", on=plugged)
    word = f" {(snapshot.trust or 'unknown').lower()}" if width >= _WIDE else ""
    _lamp(text, f"time{word}", on=snapshot.trust in ("AUTHENTICATED", "SYNCHRONISED"))
    clock = f"{int(snapshot.elapsed_s) // 60}:{int(snapshot.elapsed_s) % 60:02d} "
    text.append(" " * max(1, width - text.cell_len - len(clock))).append(clock, "dim")
    return text


def _lamp(text: Text, name: str, *, on: bool) -> None:
    text.append("  ● " if on else "  ○ ", "green" if on else "bold red").append(name)


def _account(snapshot: Snapshot, at: int, scene: AccountScene, width: int, height: int) -> Panel:
    inner, rows = width - 4, height - 2
    colour, meaning = _STATES.get(scene.state, ("white", "waiting for the first word"))
    lines = _balance(scene, colour)
    state = Text(no_wrap=True, overflow="ellipsis")
    state.append(f" {scene.state.replace('_', ' ')} ", f"bold reverse {colour}").append(f" {meaning}", colour)
    if scene.lockout:
        state = (
            Text(no_wrap=True)
            .append(" SAFETY LOCK-OUT ", "bold reverse red")
            .append(f" {scene.state.replace('_', ' ')}")
        )
    lines += [state, _relay(snapshot, at, scene)]
    lines += _power(scene, inner)
    spark_rows = 2 if rows < 16 else 4
    lines += _spark(scene, inner, spark_rows)
    lines += _messages(scene, inner, rows - len(lines))
    selected = at == snapshot.selected
    title = Text(f"{'▶ ' if selected else ''}{at + 1}  {scene.account_id}, {scene.title}", "bold" if selected else "")
    border = Style.parse(colour if selected else "bright_black")
    return Panel(
        Group(*lines),
        title=title,
        subtitle=Text("no news from it" if scene.stale else scene.wire, "red" if scene.stale else "dim"),
        border_style=border,
        height=height,
        padding=(0, 1),
    )


def _balance(scene: AccountScene, colour: str) -> list[Text]:
    figures = [_DIGITS.get(figure, _DIGITS["?"]) for figure in rounded(scene.balance)]
    rows = [Text(" ".join(figure[row] for figure in figures), f"bold {colour}", no_wrap=True) for row in range(3)]
    rows[2].append(f" {scene.currency}", "dim")
    return rows


def _relay(snapshot: Snapshot, at: int, scene: AccountScene) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis").append("relay ", "dim")
    closed = scene.relay == "CONNECTED"
    text.append(f"{'●━━●' if closed else '●  ●'} ", "green" if closed else "red")
    text.append(scene.relay or "unknown", "bold green" if closed else "bold red")
    if at < len(snapshot.loads):
        text.append("  big load ", "dim").append("ON" if snapshot.loads[at] else "off")
    return text


def _power(scene: AccountScene, width: int) -> list[Text]:
    """The bar runs to the available power; a mark shows the limit, what lies beyond it is drawn differently."""
    full_w = scene.contract_power_w * 11 // 10
    limit_w = scene.limit_w if scene.limit_w is not None else full_w
    power_w = scene.power_w or 0
    over = power_w > limit_w
    words = Text(no_wrap=True).append("power ", "dim")
    words.append("?" if scene.power_w is None else f"{power_w} W", "bold red" if over else "bold")
    if scene.relay == "DISCONNECTED" and not power_w:
        words.append(", the supply is off", "dim")
    else:
        words.append(f" of {limit_w} W", "magenta" if scene.limit_w is not None else "dim")
    if over:
        words.append("  TOO MUCH", "bold red")
    filled = min(width, round(power_w / full_w * width))
    mark = width if scene.limit_w is None else min(width - 1, round(limit_w / full_w * width))
    bar = Text(no_wrap=True)
    bar.append("█" * min(filled, mark), "green").append("░" * (mark - filled), "bright_black")
    if mark < width:
        bar.append("┃", "bold magenta")
        bar.append("▓" * (filled - mark - 1), "red").append("░" * (width - max(filled, mark + 1)), "bright_black")
    return [words, bar]


def _spark(scene: AccountScene, width: int, rows: int) -> list[Text]:
    """The load of the last minute, newest at the right; dots where nothing was heard."""
    values: Sequence[int | None] = scene.load_w or (None,) * HISTORY_S
    full_w = max(scene.contract_power_w * 11 // 10, *(value or 0 for value in values))
    columns = min(width, HISTORY_S)
    marks = [""] * rows
    for column in range(columns):
        bucket = values[column * len(values) // columns : max((column + 1) * len(values) // columns, 1)]
        heard = [value for value in bucket if value is not None]
        level = -(-max(heard) * 8 * rows // full_w) if heard else 0
        for row in range(rows):
            part = min(8, max(0, level - 8 * (rows - 1 - row)))
            bottom = row == rows - 1
            marks[row] += _BARS[part] if part or not bottom else ("▁" if heard else "·")
    lines = [Text(line, "cyan", no_wrap=True) for line in marks]
    if marks[0].startswith(" " * len(_SPARK_NAME)):
        lines[0] = Text(no_wrap=True).append(_SPARK_NAME, "dim").append(marks[0][len(_SPARK_NAME) :], "cyan")
    return lines


def _messages(scene: AccountScene, width: int, rows: int) -> list[Text]:
    lines: list[Text] = []
    for age, message in enumerate(reversed(scene.messages)):
        wrapped = textwrap.wrap(message, max(width - 2, 10))
        style = "bold" if age == 0 else "dim"
        lines += [Text(("✉ " if first == 0 else "  ") + line, style) for first, line in enumerate(wrapped)]
    return lines[: max(rows, 0)] or [Text("no message yet", "dim")]


def _journal(snapshot: Snapshot, width: int, height: int) -> Panel:
    rows = snapshot.rows[-(height - 2) :]
    lines = [_row(row, width - 4) for row in rows]
    title = f"journal, {snapshot.verified} rows, chain verified ✓" if not snapshot.trouble else snapshot.trouble
    style = "bold red" if snapshot.trouble else ""
    return Panel(
        Group(*lines) if lines else Text("no row yet", "dim"),
        title=Text(title, style),
        border_style="bright_black",
        height=height,
        padding=(0, 1),
    )


def _row(row: RowScene, width: int) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{row.seq:>4} ", "bold").append(f"{row.hash[:8]} ", "bright_black")
    text.append(f"{row.account_id or 'gateway':<10} ", "cyan").append(row.text)
    text.truncate(width, overflow="ellipsis")
    return text


def _note(snapshot: Snapshot, width: int) -> Text:
    text = Text(f" {snapshot.note}", "bold yellow", no_wrap=True)
    text.truncate(width, overflow="ellipsis")
    return text


def _keys(snapshot: Snapshot, width: int) -> Text:
    del snapshot
    text = Text(no_wrap=True)
    for key, what in _KEYS:
        text.append(" ").append(f" {key} ", "reverse").append(f" {what}")
    text.truncate(width)
    return text
