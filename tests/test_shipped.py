"""What is shipped in config/ is found from a checkout and from an installed wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gateway import shipped

ROOT = Path(__file__).parent.parent


def test_a_checkout_reads_config_itself() -> None:
    """In a checkout and an editable install, config/ is what is read: no copy to forget."""
    assert shipped.folder() == ROOT / "config"


@pytest.mark.timeout(180)
def test_a_wheel_carries_every_shipped_file(tmp_path: Path) -> None:
    """An installed wheel finds the same files and the store's schema, with no checkout anywhere near."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    source = tmp_path / "source"
    copied = [
        "cp",
        "-a",
        *(str(ROOT / name) for name in ("gateway", "firmware_sim", "config", "pyproject.toml", "LICENSE")),
    ]
    source.mkdir()
    subprocess.run([*copied, str(source)], check=True, timeout=60)
    (source / "README.md").write_text("test\n", encoding="utf-8")  # the description of the distribution
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(source)], check=True, timeout=150, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    shipped_files = {
        f"gateway/_shipped/{path.relative_to(ROOT / 'config')}" for path in (ROOT / "config").rglob("*.toml")
    }
    schema_files = {str(path.relative_to(ROOT)) for path in (ROOT / "gateway").rglob("schema/*.sql")}
    assert shipped_files | schema_files | {"gateway/py.typed", "firmware_sim/py.typed"} <= packed
    asked = [
        sys.executable,
        "-I",
        "-c",
        "import sys; sys.path.insert(0, sys.argv[1]); from gateway import shipped; print(shipped.folder())",
    ]
    answer = subprocess.run(
        [*asked, str(tmp_path / "installed")], check=True, capture_output=True, text=True, timeout=30
    )
    assert answer.stdout.strip() == str(tmp_path / "installed" / "gateway" / "_shipped")


def test_a_copy_without_its_data_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program copied by hand without its profiles says what is missing and what to do."""
    monkeypatch.setattr(shipped, "_LINK", tmp_path / "_shipped")
    with pytest.raises(FileNotFoundError, match="install the whole distribution again"):
        shipped.folder()
