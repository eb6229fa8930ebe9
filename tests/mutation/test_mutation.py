"""The machinery notices what it should, and its list of survivors is about the code as it is."""

import ast
import os
import time
from pathlib import Path

import pytest

from tests.mutation import mutants, results, tree
from tests.mutation.forks import Job, run_all
from tests.mutation.judges import SURVIVED, Killers
from tests.mutation.mutants import CONTROL, control, mutants_of, mutated
from tests.mutation.operators import variants
from tests.mutation.reach import Reach
from tests.mutation.results import survivors


def changed(code: str) -> set[str]:
    """Every variant of every node of an expression, as text."""
    found = set()
    expression = ast.parse(code, mode="eval").body
    for node in ast.walk(expression):
        for variant in variants(node):
            if isinstance(variant, ast.expr):
                found.add(ast.unparse(ast.fix_missing_locations(variant)))
    return found


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("a < b", {"a <= b", "a > b"}),
        ("a >= b", {"a > b", "a < b"}),
        ("0 <= a < b", {"0 < a < b", "0 > a < b", "0 <= a <= b", "0 <= a > b", "1", "-1"}),
        ("a == b", {"a != b"}),
        ("a is None", {"a is not None"}),
        ("a in b", {"a not in b"}),
        ("a and b", {"a or b", "a", "b"}),
        ("a or b or c", {"a and b and c", "b or c", "a or c", "a or b"}),
        ("not a", {"a"}),
        ("-a", {"a"}),
        ("a + b", {"a - b"}),
        ("a // b", {"a * b"}),
        ("a % b", {"a // b"}),
        ("min(a, b)", {"max(a, b)", "min(a)"}),
        ("any(a)", {"all(a)"}),
        ("abs(a)", {"a"}),
        ("f(a, x=b)", {"f(a)"}),
        ("a if b else c", {"a if not b else c"}),
        ("[a for a in b if c]", set()),
        ("(a, b)", {"(a,)", "(b,)"}),
        ("{a, b}", {"{a}", "{b}"}),
        ("{a: b, c: d}", {"{a: b}", "{c: d}"}),
        ("a[b:c]", {":c", "b:"}),
        ("True", {"False"}),
        ("7", {"8", "6"}),
        ("'held'", {"'held~'"}),
        ("'text for a person'", set()),
        ("a.strip()", {"a"}),
    ],
)
def test_what_a_tired_person_could_write_instead(code: str, wanted: set[str]) -> None:
    """Section 6 of issue 3: the operators of the mutation score."""
    assert changed(code) == wanted


SOURCE = '''"""A module."""
from dataclasses import dataclass

LIMIT: int = 5


@dataclass(frozen=True)
class Box:
    """A box."""

    size: int = 3

    def big(self, than: int = 2) -> bool:
        """Whether it is."""
        assert than > 0
        if self.size > than:
            raise ValueError("too big")
        return bool(self.size)
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small tree with one module."""
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    file = tmp_path / "box.py"
    file.write_text(SOURCE)
    return file


def test_each_change_is_made_once_and_in_its_place(module: Path) -> None:
    """Docstrings, annotations, decorators, assertions and messages stay; every other part is changed."""
    found = [(mutant.scope, mutant.before, mutant.after) for mutant in mutants_of("box.py")]
    assert found == [
        ("module", "5", "6"),
        ("module", "5", "4"),
        ("Box", "3", "4"),
        ("Box", "3", "2"),
        ("Box.big", "2", "3"),
        ("Box.big", "2", "1"),
        ("Box.big", "if self.size > than:", "if not self.size > than:"),
        ("Box.big", "self.size > than", "self.size >= than"),
        ("Box.big", "self.size > than", "self.size < than"),
        ("Box.big", "raise ValueError('too big')", "pass"),
        ("Box.big", "return bool(self.size)", "return"),
    ]
    for mutant in mutants_of("box.py"):
        assert ast.dump(mutated("box.py", mutant.number)) != ast.dump(ast.parse(SOURCE))
    assert ast.dump(mutated("box.py", CONTROL)) == ast.dump(ast.parse(SOURCE))
    assert [mutant.function for mutant in mutants_of("box.py")][3:7] == [None, None, None, ("Box.big", 13)]


def test_a_mutant_keeps_its_name_when_the_file_changes_elsewhere(module: Path) -> None:
    """The list of survivors stays right when code moves, and is stale when the code it names has changed."""
    names = {mutant.name for mutant in mutants_of("box.py")}
    assert len(names) == 11
    module.write_text(SOURCE.replace("LIMIT: int = 5", "MORE = LIMIT = 9\n"))
    assert len(names & {mutant.name for mutant in mutants_of("box.py")}) == 9
    module.write_text(SOURCE.replace("self.size > than", "self.size > than + 1"))
    assert len(names & {mutant.name for mutant in mutants_of("box.py")}) == 8


def test_every_listed_survivor_is_a_mutant_of_the_code_as_it_is_and_has_a_reason() -> None:
    """Section 6 of issue 3: a survivor is understood, and an entry that means nothing any more goes."""
    there = {mutant.name: mutant for module in tree.modules() for mutant in mutants_of(module)}
    listed = survivors()
    assert [known.entry for name, known in listed.items() if name not in there] == []
    assert [known.entry for name, known in listed.items() if known.entry != str(there[name])] == []
    assert [known.entry for name, known in listed.items() if known.module != there[name].module] == []
    assert [known.entry for known in listed.values() if len(known.reason) < len("equivalent")] == []


def test_a_child_says_what_it_found_and_a_hung_one_is_ended() -> None:
    """A mutant that loops for ever is found, too, and costs no more than its limit."""

    def hang() -> str:
        time.sleep(600)
        return "never"

    def busy() -> str:
        while True:
            pass

    jobs = (
        Job("says", lambda: f"pid {os.getpid() > 0}", 5, 30),
        Job("hangs", hang, 5, 0.2),
        Job("spins", busy, 1, 60),
    )
    assert dict(run_all(iter(jobs), 3)) == {"says": "pid True", "hangs": None, "spins": None}


def test_who_noticed_lately_is_asked_first(module: Path) -> None:
    """The order decides how long a run takes, never what it finds: only tests that reach the change are asked."""
    assert module.exists()
    one, *_, last = mutants_of("box.py")
    killers = Killers()
    killers.noticed(one, "a::elsewhere")
    killers.noticed(last, "a::here")
    killers.noticed(last, "a::not_reached")
    assert killers.of(last, ["a::other", "a::elsewhere", "a::here"]) == ["a::here", "a::elsewhere"]


def test_a_survivor_meets_the_tests_that_came_since(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A survivor is asked again by tests that are new or changed; when the code around it changed, by all."""
    state = {"around": "a" * 16, "tests/test_one.py": "1", "tests/test_two.py": "2"}
    monkeypatch.setattr(tree, "CACHE", module.parent)
    monkeypatch.setattr(results, "_FILE", module.parent / "results.jsonl")
    monkeypatch.setattr(tree, "surroundings", lambda: state["around"])
    monkeypatch.setattr(tree, "tests", lambda: sorted(name for name in state if name != "around"))
    monkeypatch.setattr(tree, "digest", lambda *names: "".join(f"{name}{state.get(name)}" for name in names)[-16:])
    survivor, killed = mutants_of("box.py")[:2]
    kept = results.Results()
    kept.put(survivor, SURVIVED)
    kept.put(killed, "tests/test_one.py::x")
    assert kept.of(survivor) == SURVIVED
    state |= {"tests/test_two.py": "3", "tests/test_new.py": "4"}
    again = results.Results()
    assert again.of(survivor) is None
    assert again.unmet(survivor) == {"tests/test_two.py", "tests/test_new.py"}
    assert again.unmet(killed) is None
    state["around"] = "b" * 16
    assert again.unmet(survivor) is None


def test_the_control_changes_nothing() -> None:
    """If a test fails although nothing was changed, the machinery would call everything noticed: so that is asked."""
    nothing = control()
    assert (nothing.number, nothing.function is None) == (CONTROL, False)
    source = (tree.ROOT / nothing.module).read_text(encoding="utf-8")
    assert ast.dump(mutated(nothing.module, nothing.number)) == ast.dump(ast.parse(source))


def test_what_looks_at_every_table_is_asked_about_each() -> None:
    """A test of the whole wire contract names no module and runs nothing of it, and yet it is the one that notices."""
    name = "gateway/commands/arrears.py"
    other, contract = "tests/prepayment/test_money.py::a", "tests/test_contract.py::documents"
    lines = {name: {other: {1}}}
    found = Reach(lines, {other: 0.1, contract: 9.0})
    assert found.tests_entering(name) == [other, contract]
    assert Reach(lines, {other: 0.1, other + "b": 9.0}).tests_entering(name) == [other]
