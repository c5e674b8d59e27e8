"""Secrets are nowhere: a marker is planted each way one can be given, and looked for everywhere.

A way is a row of WAYS (it works) or of MISTAKES (it is refused); a screen is a row of SCREENS. What
is searched: all that is printed, and every file below the test's directory but the planted ones.
Only a hash may be found again, and only where answers are kept.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from steps.settings import Settings
from tests import machines
from tests.cli.program import STOCK, environment
from tests.engine.world import Piece, Task
from tests.interview.keys import ANSWERED
from tests.terminal import DOWN, ENTER, Terminal
from wizard import crash
from wizard.actions import RunCommand, SecretInput
from wizard.answer_file import read_answers, write_answers
from wizard.answers import Answers, record, secrets, settle
from wizard.arguments import parse
from wizard.cli import run, tell
from wizard.errors import SetupError, Stopped
from wizard.journal import Store
from wizard.machine import Machine
from wizard.pipeline import Pipeline, Wishes
from wizard.plain_reporter import PlainReporter
from wizard.rollback import roll_back
from wizard.secret_references import resolve

PLAIN = "MarkerPlain7Qz"
HASH = "$6$MarkerSalt$" + ("MarkerHash" * 9)[:86]
ANY_HASH = re.compile(r"\$6\$[./A-Za-z0-9$=,]{20,}")
KEY = "guests.0.root_password"


@dataclass(frozen=True)
class Way:
    """How a secret is given: lines of the guest in the answer file, options, variables, a file."""

    name: str
    lines: str = ""
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    content: str = ""  # of the file "secret"
    whole: str = ""  # instead of the usual answer file


WAYS = [
    Way("a hash in the file", f"root_password: {HASH}"),
    Way("a hash in the defaults", whole=f"version: 1\ndefaults:\n  root_password: {HASH}\n"
        "guests:\n  - name: vm01\n"),
    Way("a hash by --set", options=("--set", f"{KEY}={HASH}")),
    Way("a file with a password", "root_password: file:{secret}", content=f"{PLAIN}\n"),
    Way("a file with a hash", "root_password: file:{secret}", content=f"{HASH}\n"),
    Way("a variable with a password", "root_password: env:GIVEN", variables={"GIVEN": PLAIN}),
    Way("a variable with a hash", "root_password: env:GIVEN", variables={"GIVEN": HASH}),
    Way("a variable by --set", options=("--set", f"{KEY}=env:GIVEN"), variables={"GIVEN": PLAIN}),
]  # fmt: skip

MISTAKES = [
    Way("a password in the file", f"root_password: {PLAIN}"),
    Way("a password in quotes", f'root_password: "{PLAIN} $6$ more"'),
    Way("a password over two lines", f"root_password: >\n      {PLAIN}\n      {PLAIN}"),
    Way("a password with its key misspelt", f"root_pasword: {PLAIN}"),
    Way("a password with another key's name", f"password: {PLAIN}"),
    Way("a password in a list", f"root_password: [{PLAIN}]"),
    Way("a password in a section", f"root_password:\n      plain: {PLAIN}"),
    Way("a password as a key", f"root_password: {{{PLAIN}: yes}}"),
    Way("a password given twice", f"root_password: {HASH}\n    root_password: {PLAIN}"),
    Way("a password in a quote that is not closed", f'root_password: "{PLAIN}'),
    Way("a password with a tab before it", f"root_password:\n\t{PLAIN}"),
    Way("a hash cut short", f"root_password: {HASH[:60]}"),
    Way("a hash with a blank in it", f"root_password: {HASH[:60]} {HASH[60:]}"),
    Way("a password in the defaults", whole=f"version: 1\ndefaults:\n  root_password: {PLAIN}\n"
        "guests:\n  - name: vm01\n"),
    Way("a password by --set", options=("--set", f"{KEY}={PLAIN}")),
    Way("a password by --set, without =", options=("--set", f"{KEY} {PLAIN}")),
    Way("a password by --set, misspelt", options=("--set", f"guests.0.root_pasword={PLAIN}")),
    Way("a password in a wrong file", "root_password: file:{secret}", content=f"{PLAIN}\x07\n"),
]  # fmt: skip

SCREENS = [
    ["plan"],
    ["plan", "--json"],
    ["plan", "--script"],
    ["plan", "--out", "saved.plan"],
    ["check"],
    ["check", "--json"],
    ["answers", "validate"],
    ["answers", "validate", "--json"],
    ["answers", "show"],
    ["answers", "show", "--json"],
]


@dataclass(frozen=True)
class Planted:
    """An answer file with a secret in it, and where nothing of it may be found."""

    top: Path
    answers: Path
    options: tuple[str, ...]

    def read(self) -> Answers[Settings]:
        """The answers, as the commands read them."""
        return read_answers([self.answers], Settings, self.options[1::2])

    def leaks(self, printed: str = "", *, hash_is_kept: frozenset[str] = frozenset()) -> list[str]:
        """Where a marker or any hash is; `hash_is_kept`: names of files that may hold a hash."""
        found = ["printed"] if PLAIN in printed or _holds_hash(printed) else []
        for path in self.top.rglob("*"):
            if not path.is_file() or path.name in ("planted.yaml", "secret"):
                continue
            text = path.read_bytes().decode(errors="replace")
            if PLAIN in text or (path.name not in hash_is_kept and _holds_hash(text)):
                found.append(str(path.relative_to(self.top)))
        return found


def _holds_hash(text: str) -> bool:
    return ANY_HASH.search(text) is not None or "MarkerSalt" in text or "MarkerHash" in text


@pytest.fixture
def planted(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Planted:
    way: Way = request.param
    secret = tmp_path / "secret"
    secret.write_text(way.content)
    secret.chmod(0o600)
    lines = way.lines.replace("{secret}", str(secret))
    text = way.whole or f"version: 1\nguests:\n  - name: vm01\n    {lines}\n"
    answers = tmp_path / "planted.yaml"
    answers.write_text(text)
    for name, value in way.variables.items():
        monkeypatch.setenv(name, value)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return Planted(tmp_path, answers, way.options)


def rows(ways: list[Way]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("planted", ways, indirect=True, ids=lambda way: way.name)


def shown(capsys: pytest.CaptureFixture[str], argv: list[str]) -> str:
    """What a command prints, its error included."""
    try:
        with contextlib.suppress(SystemExit):
            run(parse(argv))
    except SetupError as error:
        tell(error)
    printed = capsys.readouterr()
    return printed.out + printed.err


@rows(WAYS)
def test_no_screen_and_no_file_shows_a_secret(
    planted: Planted, capsys: pytest.CaptureFixture[str]
) -> None:
    for screen in SCREENS:
        facts = [] if screen[0] == "answers" and screen[1] == "show" else ["--facts", str(STOCK)]
        text = shown(capsys, [*screen, str(planted.answers), *planted.options, *facts])
        assert "Traceback" not in text
        assert [] == planted.leaks(text), f"{screen}: {text}"


@rows(MISTAKES)
def test_no_complaint_shows_what_it_is_about(
    planted: Planted, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SetupError):  # so that `apply` goes no further than that
        resolve(planted.read(), unattended=True)
    for screen in [*SCREENS, ["apply"]]:
        facts = [] if screen[0] == "apply" or "show" in screen else ["--facts", str(STOCK)]
        text = shown(capsys, [*screen, str(planted.answers), *planted.options, *facts])
        assert [] == planted.leaks(text), f"{screen}: {text}"
        assert text


# ---- runs: journal, log, its copy, what the screen shows, status, rollback


@rows(WAYS)
@pytest.mark.parametrize("fails", [False, True])
def test_a_run_keeps_a_secret_in_its_answers_only(
    planted: Planted, fails: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = machines.stock()
    settings = settle(resolve(planted.read(), unattended=True), facts)
    hashes = secrets(settings)
    assert hashes["guests.vm01.root_password"].startswith("$6$")
    state = planted.top / "state"
    telling = io.StringIO()
    machine = Machine(
        work=planted.top / "work", secrets=hashes.__getitem__, log_copy=planted.top / "copy.log"
    )
    shows_its_input = RunCommand(
        ("sh", "-c", f"cat; cat >&2; exit {int(fails)}"), "It shows what it is given.",
        input=SecretInput("guests.vm01.root_password", "root:{}\n"), undo=("echo", "undone"),
        undo_class="by removal",
    )  # fmt: skip
    pipeline = Pipeline(
        [Task("first_boot", [Piece(shows_its_input, lambda: False)])], frozenset, Store(state),
        machine, PlainReporter(telling, verbose=True), Wishes(on_failure="stop"),
    )  # fmt: skip
    with pytest.raises(Stopped) as stopped:
        pipeline.apply("settings", write_answers(record(settings, facts)))
    told = telling.getvalue() + str(stopped.value) + "".join(stopped.value.details)
    assert "********" in told
    for screen in (["status"], ["status", "--json"]):
        told += shown(capsys, [*screen, "--state-dir", str(state)])
    telling = io.StringIO()
    roll_back(Store(state), machine, PlainReporter(telling, verbose=True))
    told += telling.getvalue()
    assert "| undone" in told
    assert [] == planted.leaks(told, hash_is_kept=frozenset({"answers.yaml"}))
    assert "undone" in (planted.top / "copy.log").read_text()
    (kept,) = state.glob("runs/*/answers.yaml")
    assert _holds_hash(kept.read_text())
    assert PLAIN not in kept.read_text()
    assert 0o600 == kept.stat().st_mode & 0o777


# ---- typed


def test_what_is_typed_is_nowhere_and_its_hash_in_the_saved_answers_only(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from wizard.arguments import Arguments;"
        "from wizard.program import interview; from wizard.prompts import choose_prompter;"
        "from wizard.cli import tell; from wizard.errors import Cancelled\n"
        f"try: interview(Arguments(facts=Path({str(STOCK)!r})), choose_prompter(plain=True))\n"
        "except Cancelled as end: tell(end)\n"
    )
    argv = [sys.executable, "-P", "-c", code]
    with Terminal(argv, tmp_path, environment=environment(HOME=str(tmp_path))) as terminal:
        for shown_first, keys in ANSWERED:
            terminal.wait_for(shown_first)
            typed = keys.removeprefix(DOWN).replace("xen", PLAIN)
            terminal.type(f"save{ENTER}" if shown_first == "What now?" else typed)
        terminal.wait_for("Which file?")
        terminal.type(f"saved.yaml{ENTER}")
        terminal.ends()
    planted = Planted(tmp_path, tmp_path / "none", ())
    assert [] == planted.leaks(terminal.raw.decode(), hash_is_kept=frozenset({"saved.yaml"}))
    assert _holds_hash((tmp_path / "saved.yaml").read_text())


# ---- bugs


@rows([*WAYS, *MISTAKES])
def test_a_crash_report_holds_no_secret(
    planted: Planted, capsys: pytest.CaptureFixture[str]
) -> None:
    # All that the program knows when it has read its answers, in the exception's own words.
    told: list[object] = []
    try:
        told.append(answers := planted.read())
        told.append(resolve(answers, unattended=True))
    except SetupError as error:
        told += [error, error.details, vars(error)]
    bug = LookupError(told)
    crash.hook(["apply", str(planted.answers), *planted.options])(type(bug), bug, None)
    (report,) = planted.top.rglob("crash-*.txt")
    assert "LookupError" in report.read_text()
    assert [] == planted.leaks(capsys.readouterr().err)
