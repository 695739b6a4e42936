"""The commands, from their arguments to what is printed, written and returned. The model is the demo server on loopback."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from nuke_ai_panel import __version__
from nuke_ai_panel.agent.session_events import NoticeArrived
from nuke_ai_panel.cli.asking import settings_for
from nuke_ai_panel.cli.demo_answers import LABEL, MENU
from nuke_ai_panel.cli.demo_server import DemoServer
from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.main import main
from nuke_ai_panel.cli.screen import Screen
from nuke_ai_panel.hosts.document_host import DocumentHost

ROOT = Path(__file__).resolve().parent.parent.parent


class Terminal(io.StringIO):
    """Standard input with a person at it."""

    def isatty(self) -> bool:
        return True


def nodes(path: Path) -> dict[str, str]:
    return {node.path: node.class_name for node in DocumentHost.open(path).nodes()}


def unused_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


# chat


def test_chat_prints_the_answer_as_it_comes(asks, capsys):
    assert main(["chat", "hello", *asks]) == ExitCode.OK
    printed = capsys.readouterr()
    assert printed.out == MENU + "\n"
    assert "demo" in printed.err


def test_chat_gives_one_json_object(asks, capsys):
    assert main(["chat", "hello", "--json", *asks]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told["text"] == MENU
    assert (told["provider"], told["model"], told["error"]) == ("ollama", "demo", None)
    assert told["usage"]["completion_tokens"] > 20


def test_chat_shows_a_proposal_and_changes_nothing(asks, script, capsys):
    before = script.read_bytes()
    assert main(["chat", "blur", "--script", str(script), *asks]) == ExitCode.OK
    assert "+ DemoBlur (Blur)" in capsys.readouterr().out
    assert script.read_bytes() == before


def test_chat_without_a_server_says_what_to_do(capsys):
    options = ["--provider", "ollama", "--model", "demo", "--base-url", unused_address()]
    assert main(["chat", "hello", *options]) == ExitCode.NO_MODEL
    assert "Nothing is listening on port" in capsys.readouterr().err


def test_chat_without_a_server_gives_a_json_error(capsys):
    options = ["--provider", "ollama", "--model", "demo", "--base-url", unused_address(), "--json"]
    assert main(["chat", "hello", *options]) == ExitCode.NO_MODEL
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["kind"]
    assert error["next_step"]


def test_chat_with_an_unknown_model_fails(server, capsys):
    code = main(["chat", "hello", "--provider", "ollama", "--model", "nope", "--base-url", server.url])
    assert code == ExitCode.FAILED
    assert "nope" in capsys.readouterr().err


# generate


@pytest.mark.parametrize(
    ("word", "name", "kind"),
    [("grade", "DemoGrade", "Grade"), ("blur", "DemoBlur", "Blur"), ("backdrop", "DemoBackdrop", "BackdropNode")],
)
def test_generate_writes_a_script_with_exactly_the_proposed_node(asks, script, tmp_path, capsys, word, name, kind):
    before, out = script.read_bytes(), tmp_path / "out.nk"
    code = main(["generate", f"add a {word}", "--script", str(script), "--out", str(out), "--yes", *asks])
    printed = capsys.readouterr()
    assert code == ExitCode.OK, printed.err
    assert script.read_bytes() == before
    assert nodes(out) == {**nodes(script), name: kind}
    assert printed.out.startswith(LABEL)
    assert "Creates 1 node" in printed.out
    assert f"+ {name} ({kind})" in printed.out
    assert str(out) in printed.err


def test_generate_keeps_every_other_byte(asks, script, tmp_path):
    out = tmp_path / "out.nk"
    assert main(["generate", "blur", "--script", str(script), "--out", str(out), "--yes", *asks]) == ExitCode.OK
    was, now = script.read_text("utf-8").splitlines(), out.read_text("utf-8").splitlines()
    rest = iter(now)
    assert all(line in rest for line in was), "a line of the script was changed or moved"
    assert any("DemoBlur" in line for line in now)


@pytest.mark.parametrize("word", ["grade", "backdrop"])
def test_generate_adds_the_proposed_node_to_real_scripts_and_nothing_else(asks, corpus, tmp_path, word):
    scripts = sorted(
        (path for path in corpus.rglob("*.nk") if 2_000 < path.stat().st_size < 60_000), key=lambda path: path.name
    )
    for path in scripts[:6]:
        out = tmp_path / f"{path.stem}_{word}.nk"
        code = main(["generate", word, "--script", str(path), "--out", str(out), "--yes", *asks])
        assert code == ExitCode.OK, path
        before, after = nodes(path), nodes(out)
        (name,) = after.keys() - before.keys()
        assert name.startswith("Demo"), path
        assert {**before, name: after[name]} == after, path
    assert len(scripts) >= 6


def test_generate_wires_the_new_node_to_the_selected_one(asks, script, tmp_path):
    out = tmp_path / "out.nk"
    assert main(["generate", "blur", "--script", str(script), "--out", str(out), "--yes", *asks]) == ExitCode.OK
    assert DocumentHost.open(out).node("DemoBlur").inputs == ("MergeGround",)


def test_generate_without_a_terminal_shows_the_proposal_and_applies_nothing(asks, script, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    out = tmp_path / "out.nk"
    assert main(["generate", "blur", "--script", str(script), "--out", str(out), *asks]) == ExitCode.NOT_AGREED
    printed = capsys.readouterr()
    assert "+ DemoBlur (Blur)" in printed.out
    assert "--yes" in printed.err
    assert not out.exists()


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 4), ("\n", 4), ("", 4)])
def test_generate_asks_the_person_at_the_terminal(asks, script, tmp_path, capsys, monkeypatch, typed, code):
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    out = tmp_path / "out.nk"
    assert main(["generate", "blur", "--script", str(script), "--out", str(out), *asks]) == code
    assert "[y/N]" in capsys.readouterr().out
    assert out.exists() is (code == 0)


def test_generate_says_when_the_file_would_be_replaced(asks, script, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    out = tmp_path / "out.nk"
    out.write_text("precious")
    main(["generate", "blur", "--script", str(script), "--out", str(out), *asks])
    assert "exists and is replaced" in capsys.readouterr().out
    assert out.read_text() == "precious"


def test_generate_does_not_write_after_a_script_with_a_mistake(asks, script, tmp_path, capsys):
    out = tmp_path / "out.nk"
    assert main(["generate", "fail", "--script", str(script), "--out", str(out), "--yes", *asks]) == ExitCode.FAILED
    assert "NoneType" in capsys.readouterr().out
    assert not out.exists()


def test_generate_says_when_the_answer_holds_no_script(asks, script, tmp_path):
    out = tmp_path / "out.nk"
    assert main(["generate", "hello", "--script", str(script), "--out", str(out), "--yes", *asks]) == ExitCode.NO_PROPOSAL
    assert not out.exists()


def test_generate_gives_one_json_object(asks, script, tmp_path, capsys):
    out = tmp_path / "out.nk"
    assert main(["generate", "blur", "--script", str(script), "--out", str(out), "--yes", "--json", *asks]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    (proposal,) = told["proposals"]
    assert proposal["applied"] is True
    assert proposal["diff"][0] == "+ DemoBlur (Blur)"
    assert proposal["code"] in told["text"]
    assert told["out"] == str(out)


@pytest.mark.parametrize("name", ["missing.nk", ""])
def test_generate_names_a_script_that_is_not_there(asks, tmp_path, capsys, name):
    code = main(["generate", "blur", "--script", str(tmp_path / name), "--out", str(tmp_path / "o.nk"), *asks])
    assert code == ExitCode.USAGE
    assert "There is no script" in capsys.readouterr().err


def test_generate_refuses_a_damaged_script(asks, tmp_path, capsys):
    damaged = tmp_path / "damaged.nk"
    damaged.write_text("Blur {\n size 10\n")
    assert main(["generate", "blur", "--script", str(damaged), "--out", str(tmp_path / "o.nk"), *asks]) == ExitCode.FAILED
    assert "line " in capsys.readouterr().err


# models, test-connection


def test_plug_in_folder_that_cannot_be_looked_into_is_in_nobodys_way(server, tmp_path, monkeypatch, capsys):
    # Another user's home on a farm gives the same; root may look into everything.
    monkeypatch.setenv("NUKE_PATH", os.pathsep.join(["x" * 300, str(tmp_path)]))
    assert main(["models", "--provider", "ollama", "--base-url", server.url]) == ExitCode.OK
    assert "demo" in capsys.readouterr().out


def test_models_lists_what_answers(server, capsys):
    assert main(["models", "--provider", "ollama", "--base-url", server.url]) == ExitCode.OK
    assert capsys.readouterr().out.split()[:2] == ["ollama", "demo"]


def test_models_gives_a_json_list_with_the_failures(capsys):
    options = ["--provider", "ollama", "--base-url", unused_address(), "--json"]
    assert main(["models", *options]) == ExitCode.NO_MODEL
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["provider"] == "ollama"
    assert entry["error"]


def test_the_connection_test_passes_every_step(server, capsys):
    assert main(["test-connection", "ollama", "--provider", "ollama", "--base-url", server.url, "--json"]) == ExitCode.OK
    steps = {step["name"]: step["state"] for step in json.loads(capsys.readouterr().out)}
    assert steps["connection"] == steps["models"] == "passed"
    assert "failed" not in steps.values()


def test_the_connection_test_names_the_step_that_fails_and_the_cure(capsys):
    options = ["--provider", "ollama", "--base-url", unused_address()]
    assert main(["test-connection", *options]) == ExitCode.FAILED
    printed = capsys.readouterr().out
    assert "failed" in printed
    assert "not reached" in printed
    assert "Start Ollama" in printed


# arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["chat", "hi", "--base-url", "http://127.0.0.1:1"],
        ["chat", "hi", "--provider", "nobody"],
        ["chat", "hi", "--set", "limit_rounds=0"],
        ["chat", "hi", "--set", "no_such_key=1"],
        ["test-connection", "nobody"],
        ["panel", "missing.nk"],
    ],
)
def test_a_wrong_argument_is_a_usage_error_and_says_why(arguments, capsys):
    assert main(arguments) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith("Error: ")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["generate", "x"], ["chat"]])
def test_argparse_uses_the_same_exit_code(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == ExitCode.USAGE


def test_help_documents_every_exit_code(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(f"  {code.value}  " in said for code in ExitCode)


def test_a_base_url_cannot_go_round_a_locked_one(tmp_path, monkeypatch, capsys):
    studio = tmp_path / "studio.json"
    key = "servers.ollama.base_url"
    studio.write_text(json.dumps({key: "http://127.0.0.1:9", "locked": [key]}))
    monkeypatch.setenv("NUKE_AI_PANEL_STUDIO_SETTINGS", str(studio))
    assert main(["chat", "hi", "--provider", "ollama", "--base-url", "http://127.0.0.1:1"]) == ExitCode.USAGE
    assert "studio" in capsys.readouterr().err


def test_a_setting_for_one_run_is_not_written_and_does_not_go_round_a_locked_one(tmp_path, monkeypatch, capsys):
    given = Namespace(base_url="", provider="", set=["limit_cost=0.5", "limit_tokens=none", "limit_rounds=3"])
    store = settings_for(given)
    found = store.load()
    assert (found.limit_cost, found.limit_tokens, found.limit_rounds) == (0.5, None, 3)
    assert store.fixed_by("limit_cost") == "Set on the command line"
    assert not store.path.exists()
    studio = tmp_path / "studio.json"
    studio.write_text(json.dumps({"limit_cost": 0.1, "locked": ["limit_cost"]}))
    monkeypatch.setenv("NUKE_AI_PANEL_STUDIO_SETTINGS", str(studio))
    assert main(["chat", "hi", "--set", "limit_cost=5"]) == ExitCode.USAGE
    assert "--set limit_cost cannot be used: your studio has set 'limit_cost'" in capsys.readouterr().err


def test_a_limit_that_is_reached_is_told_with_the_option_that_moves_it(capsys):
    screen = Screen()
    screen(NoticeArrived("limit", "The limit of 3 rounds is reached.", "limit_rounds"))
    screen(NoticeArrived("limit", "The limit of 3 rounds is reached. Set by your studio."))
    assert capsys.readouterr().err.splitlines() == [
        "The limit of 3 rounds is reached. For one run: --set limit_rounds=VALUE.",
        "The limit of 3 rounds is reached. Set by your studio.",
    ]


# the whole program, in a process of its own


def program(*arguments: str, **options: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-W", "error", "-m", "nuke_ai_panel", *arguments]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **options
    )


def test_the_demo_does_the_whole_job_alone(tmp_path):
    out = tmp_path / "demo.nk"
    with program("demo", "--out", str(out)) as running:
        said, told = running.communicate(timeout=60)
    assert running.returncode == ExitCode.OK, told
    assert said.startswith(LABEL)
    assert nodes(out)["DemoGrade"] == "Grade"


def test_a_library_that_is_not_installed_is_named():
    # -S: this Python without what is installed for it.
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from nuke_ai_panel.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, str(ROOT), "models"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == ExitCode.FAILED
    assert "pip install -e ." in done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_told():
    with program("--version") as running:
        assert running.communicate(timeout=60)[0].strip() == f"nuke-ai-panel {__version__}"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_stops_the_answer_cleanly():
    # At this pace the whole answer would take minutes: what can be read at once was streamed.
    with DemoServer(pause=0.2) as slow:
        options = ["--provider", "ollama", "--model", "demo", "--base-url", slow.url]
        # As a terminal does; a process started in the background by a shell ignores SIGINT.
        with program(
            "chat", "count", *options, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
        ) as running:
            assert running.stdout
            first = running.stdout.read(len(LABEL))
            running.send_signal(signal.SIGINT)
            _, told = running.communicate(timeout=30)
    assert first == LABEL
    assert running.returncode == ExitCode.INTERRUPTED
    assert told.rstrip().endswith("Stopped. Nothing was written.")
    assert "Traceback" not in told


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_the_demo_server_serves_until_ctrl_c():
    with program(
        "demo-server", "--port", "0", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    ) as running:
        assert running.stderr
        line = running.stderr.readline()
        address = line.partition(" at ")[2].partition(";")[0]
        host, port = address[len("http://") :].split(":")
        socket.create_connection((host, int(port)), timeout=10).close()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
    assert running.returncode == ExitCode.INTERRUPTED


def test_a_closed_pipe_is_no_traceback():
    # Slow enough that the answer is not written before the pipe is closed.
    with DemoServer(pause=0.2) as slow:
        options = ["--provider", "ollama", "--model", "demo", "--base-url", slow.url]
        with program("chat", "count", *options) as running:
            assert running.stdout
            assert running.stderr
            running.stdout.read(10)
            running.stdout.close()
            told = running.stderr.read()
    assert "Traceback" not in told
    assert running.returncode == ExitCode.FAILED
