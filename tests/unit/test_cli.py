"""The command line's shell: help, version, exit codes, and that nothing heavy is imported for them."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from paretoserve.cli._exit import with_exit_codes
from paretoserve.errors import CapacityError, DataError, UnknownNameError, UnmetSloError


def run(*arguments, code="from paretoserve.cli import main; main()"):
    program = f"import sys; sys.argv = ['paretoserve', *{list(arguments)!r}]\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_options_and_exits_with_0():
    result = run("--help")
    assert result.returncode == 0, result.stderr
    assert "--version" in result.stdout


def test_module_runs_the_same_command():
    result = subprocess.run(
        [sys.executable, "-m", "paretoserve", "--help"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Usage: paretoserve" in result.stdout


def test_version_is_one_line_on_stdout():
    result = run("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("paretoserve ")
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize("arguments", [["no-such-command"], ["--no-such-option"]])
def test_usage_errors_exit_with_2(arguments):
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "No such" in result.stderr


def test_help_imports_nothing_heavy():
    code = """
try:
    from paretoserve.cli import main; main()
except SystemExit:
    pass
heavy = {"numpy", "pyarrow", "plotly", "pydantic", "yaml", "paretoserve.sim", "paretoserve.plan"}
print("imported:", sorted(heavy & set(sys.modules)))
"""
    assert "imported: []" in run("--help", code=code).stdout


def test_missing_typer_names_the_extra():
    result = run("--help", code="sys.modules['typer'] = None; from paretoserve.cli import main; main()")
    assert result.returncode == 2
    assert "paretoserve[plan]" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnmetSloError("nearest miss is 2 s"), 3),
        (DataError("`x.csv` line 3: is broken"), 4),
        (UnknownNameError("`qwen` is not known"), 2),
        (CapacityError("needs 80 GiB"), 2),
        (ValueError("`gpus` must be at least 1, got 0"), 2),
        (ModuleNotFoundError("needs plotly\nhint: install paretoserve[plan]"), 2),
        (OSError(28, "No space left on device"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exceptions_become_exit_codes(error, code, capsys, monkeypatch):
    monkeypatch.delenv("PARETOSERVE_TRACEBACK", raising=False)

    def command():
        raise error

    with pytest.raises(typer.Exit) as raised:
        with_exit_codes(command)()
    assert raised.value.exit_code == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert (str(error) in shown.err) is not isinstance(error, OSError)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (OSError(28, "No space left on device", "plan/report.html"), "`plan/report.html`: no space left on device"),
        (OSError(28, "No space left on device"), "no space left on device"),
        (OSError("broken"), "broken"),
    ],
)
def test_errors_of_the_system_name_the_file_and_no_number(error, shown, capsys, monkeypatch):
    monkeypatch.delenv("PARETOSERVE_TRACEBACK", raising=False)

    def command():
        raise error

    with pytest.raises(typer.Exit):
        with_exit_codes(command)()
    assert capsys.readouterr().err == f"error: {shown}\n"


@pytest.mark.parametrize(
    ("statement", "code", "shown"),
    [
        ("load_trace('gone.csv')", 4, "error: `gone.csv`: no such file\n"),
        ("load_trace('azure_chat')", 2, "error: `azure_chat` is neither a file nor a profile\nhint: did you mean"),
        ("load_trace('azure-chat', limit=0)", 2, "error: `limit` must be at least 1, got 0\n"),
        ("signal.raise_signal(signal.SIGINT)", 130, "interrupted\n"),
    ],
)
def test_process_exits_with_the_code_and_a_message_on_stderr(statement, code, shown):
    program = f"""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
from paretoserve.cli import main
from paretoserve.cli._app import app
from paretoserve.cli._exit import with_exit_codes

def command():
    from paretoserve.sim import load_trace
    {statement}

app.command("check-this")(with_exit_codes(command))
main()
"""
    result = run("check-this", code=program)
    assert result.returncode == code
    assert result.stdout == ""
    assert result.stderr.startswith(shown)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), BrokenPipeError(32, "pipe")])
def test_other_exceptions_pass(error):
    def command():
        raise error

    with pytest.raises(type(error)):
        with_exit_codes(command)()


def test_traceback_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("PARETOSERVE_TRACEBACK", "1")

    def command():
        raise DataError("`x.csv`: is empty")

    with pytest.raises(DataError):
        with_exit_codes(command)()


def test_wrapped_command_keeps_name_help_and_options():
    def command(*, threads: int = 1) -> None:
        """Do one thing."""

    app = typer.Typer(add_completion=False)
    app.command("one")(with_exit_codes(command))
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "Do one thing" in result.output
    assert "--threads" in result.output
