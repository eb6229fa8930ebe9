"""Files that are not there or no text: what a person reads about them."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.installation import load
from tests.config.drafts import write


def test_a_missing_file_is_not_compared_with_everything_in_its_folder(tmp_path: Path) -> None:
    """A name without an ending lists no folder of the system as what might have been meant."""
    (tmp_path / "vmlinuz").touch()
    with pytest.raises(ConfigError, match="there is no such file") as caught:
        load(tmp_path / "nonexistent")
    assert "vmlinuz" not in str(caught.value)


def test_a_key_file_that_is_no_text_is_told_like_any_other(tmp_path: Path) -> None:
    """The byte at which it ends to be text, not the name of a codec."""
    file = write(tmp_path)
    (tmp_path / "headend-keys.toml").write_bytes(b"a = \xff")
    with pytest.raises(ConfigError, match=r"headend-keys.toml: byte 4 is not UTF-8; save it as UTF-8$"):
        load(file)
