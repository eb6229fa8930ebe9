"""Programs that are not ours and that tests need: taken from PATH, else unpacked from their Debian package.

Unpacking needs no root: `apt-get download` fetches the package, `dpkg-deb -x` opens it below `.cache/foreign`, and
libraries that `ldd` misses follow the same way. `program("mosquitto")` returns something to run: the program itself
or a small wrapper that sets LD_LIBRARY_PATH and becomes it (same process id, so signals reach it). A file lock lets
parallel test workers share one copy. If neither way works the test fails and says what to do.

    python -m tests.foreign       fetches what tests need now (`make test` does, so that no test waits for a download)
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_TESTS = ("mosquitto", "mbpoll", "systemd-analyze")
PACKAGES = {"mosquitto": "mosquitto", "mbpoll": "mbpoll", "systemd-analyze": "systemd", "strace": "strace"}
CACHE = Path(__file__).parent.parent / ".cache" / "foreign"
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_ROUNDS = 12  # an unpacked library may miss others; deeper than this is a broken package


class ForeignProgramMissing(Exception):
    """A foreign program can be had neither from PATH nor from its package; the message says what to do."""


def program(name: str) -> Path:
    """Something executable that is the foreign program `name`; fails the test with instructions when there is none."""
    import pytest  # `python -m tests.foreign` runs without it

    try:
        return find(name) or unpack(name, CACHE)
    except ForeignProgramMissing as missing:
        pytest.fail(str(missing), pytrace=False)


def find(name: str) -> Path | None:
    """The installed program, also from the folders of system programs that a user's PATH leaves out."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS))
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def unpack(name: str, cache: Path) -> Path:
    """The program out of its Debian package, unpacked below `cache`. Raises ForeignProgramMissing."""
    wrapper = cache / name / "run"
    with _locked(cache):
        if not wrapper.exists():
            _build(name, PACKAGES[name], cache)
    return wrapper


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(name: str, package: str, cache: Path) -> None:
    home = cache / name
    root = home / "root"
    shutil.rmtree(home, ignore_errors=True)
    root.mkdir(parents=True)
    debs = [_fetch(package, name, home, cache)]
    _open(debs[0], root)
    binary = next((path for path in root.rglob(f"bin/{name}")), None) or next(root.rglob(f"sbin/{name}"), None)
    if binary is None:
        raise ForeignProgramMissing(f"the Debian package {package} holds no program {name}; install {name} yourself")
    rounds = 0
    while missing := _missing_libraries(binary, root):
        rounds += 1
        if rounds > _ROUNDS:
            raise ForeignProgramMissing(f"{name} still misses {sorted(missing)} after unpacking; {_advice(name)}")
        for dependency in _providers(missing, debs):
            debs.append(_fetch(dependency, name, home, cache))
            _open(debs[-1], root)
    _write_wrapper(home / "run", binary, root)


def _write_wrapper(wrapper: Path, binary: Path, root: Path) -> None:
    # Relative to itself: the tree may be moved with its cache.
    program_file, libraries = (text.replace(str(root), "$home/root") for text in (str(binary), _library_path(root)))
    draft = wrapper.with_suffix(".new")
    draft.write_text(
        f'#!/bin/sh\nhome="$(dirname "$0")"\nLD_LIBRARY_PATH="{libraries}" exec "{program_file}" "$@"\n',
        encoding="utf-8",
    )
    draft.chmod(0o755)
    draft.replace(wrapper)


def _fetch(package: str, name: str, home: Path, cache: Path) -> Path:
    """Download one package: with the machine's package lists, else with lists of our own (needs no root either)."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise ForeignProgramMissing(f"{name} is not installed and this is not a Debian system; {_advice(name)}")
    before = set(home.glob("*.deb"))
    first = _apt(["download", package], home)
    answer = first
    if answer.returncode:
        private = _private_lists(cache)
        _apt([*private, "update"], home)  # one unreachable foreign source is no reason to give up: the download decides
        answer = _apt([*private, "download", package], home)
    if answer.returncode:
        said = f"{first.stderr.strip()}\n{answer.stderr.strip()}"
        raise ForeignProgramMissing(f"cannot download the Debian package {package}; {_advice(name)}\napt said:\n{said}")
    return next(iter(set(home.glob("*.deb")) - before))


def _apt(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    # The sandbox user of apt cannot write into a private folder; without this, root gets a warning.
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=240)


def _private_lists(cache: Path) -> list[str]:
    state = cache / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State": state / "state",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": state / "cache",
        "APT::Update::Post-Invoke-Success::": "true",
    }
    return [part for key, value in options.items() for part in ("-o", f"{key}={value}")]


def _open(deb: Path, root: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", str(deb), str(root)], check=True, timeout=60)


def _library_path(root: Path) -> str:
    return os.pathsep.join(sorted({str(path.parent) for path in root.rglob("*.so*")}))


def _missing_libraries(binary: Path, root: Path) -> set[str]:
    environ = {**os.environ, "LD_LIBRARY_PATH": _library_path(root)}
    answer = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False, timeout=60, env=environ)
    return set(re.findall(r"^\s*(\S+) => not found", answer.stdout, flags=re.MULTILINE))


def _providers(missing: set[str], debs: list[Path]) -> list[str]:
    """Library packages the unpacked ones depend on and that fit a missing library; all of them if no name fits."""
    have = {deb.name.split("_")[0] for deb in debs}
    wanted = [package for deb in debs for package in _library_dependencies(deb) if package not in have]
    stems = {_stem(soname) for soname in missing}
    fitting = [package for package in wanted if package.replace("-", "").removesuffix("t64") in stems]
    chosen = list(dict.fromkeys(fitting or wanted))
    if not chosen:
        raise ForeignProgramMissing(f"no package is known for {sorted(missing)}; {_advice(debs[0].name.split('_')[0])}")
    return chosen


def _library_dependencies(deb: Path) -> list[str]:
    command = ["dpkg-deb", "-f", str(deb), "Pre-Depends", "Depends"]
    fields = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return re.findall(r"\blib[a-z0-9.+-]+", fields)


def _stem(soname: str) -> str:
    """libcjson.so.1 -> libcjson1, the way Debian names a library's package."""
    return soname.replace(".so.", "").replace("-", "").replace("_", "").lower()


def _advice(name: str) -> str:
    return (
        f"install it (Debian: `apt-get install {PACKAGES.get(name, name)}`) "
        "or make the Debian archive reachable and run `make test` again"
    )


def main() -> int:
    """Fetch every foreign program of the tests now; one line each, 1 when one cannot be had."""
    status = 0
    for name in IN_TESTS:
        try:
            print(f"{name}: {find(name) or unpack(name, CACHE)}")
        except ForeignProgramMissing as missing:
            print(missing, file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
