"""Where a user's things lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from wizard.kept_answers import kept_path
from wizard.user_folders import user_folder


@pytest.mark.parametrize(
    ("environ", "cache", "state"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.cache", "/home/ada/.local/state"),
        ({"HOME": "/home/ada", "XDG_STATE_HOME": "/srv/s"}, "/home/ada/.cache", "/srv/s"),
        ({"XDG_CACHE_HOME": "/c", "XDG_STATE_HOME": "/s"}, "/c", "/s"),
        # The specification says to ignore what is not absolute.
        ({"HOME": "/home/ada", "XDG_CACHE_HOME": "c", "XDG_STATE_HOME": ""},
         "/home/ada/.cache", "/home/ada/.local/state"),
        ({"HOME": "ada"}, None, None),
        ({}, None, None),
    ],
)  # fmt: skip
def test_they_lie_where_the_xdg_specification_says(
    environ: dict[str, str], cache: str | None, state: str | None
) -> None:
    for variable, top in (("XDG_CACHE_HOME", cache), ("XDG_STATE_HOME", state)):
        expected = None if top is None else Path(top, "xen-setup")
        assert user_folder(variable, environ) == expected
    answers = kept_path(environ)
    assert answers == (None if state is None else Path(state, "xen-setup/answers-so-far.yaml"))
