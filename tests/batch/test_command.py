"""``python -m nuke_ai_panel batch``, as a person or a farm runs it: in a process of its own where that matters."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys

import pytest

from nuke_ai_panel.cli.main import main

LIMIT = 60.0


def write(path, *lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), encoding="utf-8")


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def lasting(path):
    """The records without what differs from run to run."""
    found = lines(path)
    for record in found:
        del record["seconds"]
        for name in ("id", "created"):
            record.get("response", {}).pop(name, None)
        record.get("response", {}).pop("notices", None)
    return found


@pytest.fixture
def source(tmp_path):
    return tmp_path / "in.jsonl"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.jsonl"


@pytest.fixture
def batch(source, out, capsys):
    """Run the command in this process; return its exit code, and what it printed to both streams."""

    def run(*options):
        code = main(["batch", str(source), "--out", str(out), *options])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def started(source, out, root):
    """Start the command in a process of its own."""
    running = []

    def start(*options):
        process = subprocess.Popen(
            [sys.executable, "-m", "nuke_ai_panel", "batch", str(source), "--out", str(out), *options],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def numbered(ask, count, model="openai/toy"):
    return [ask(model, f"number {number}", id=f"r{number}") for number in range(count)]


def test_answers_are_in_the_order_of_the_requests(server, ask, source, out, batch):
    write(source, *(ask("openai/toy", f"wait={0.1 if number % 4 == 0 else 0} number {number}") for number in range(12)))
    code, printed, told = batch("--concurrency", "4")
    assert code == 0
    found = lines(out)
    assert [(record["index"], record["line"]) for record in found] == [(number, number + 1) for number in range(12)]
    assert all(record["response"]["choices"][0]["message"]["content"].startswith(f"{record['index']} ") for record in found)
    assert "12/12, 12 ok, 0 failed" in printed
    assert "$3.0000" in printed
    assert "12/12" in told
    assert sorted(path.name for path in out.parent.iterdir() if path.is_file()) == ["in.jsonl", "out.jsonl"]


def test_failures_are_records_in_their_place(server, ask, source, out, batch):
    openai = {"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": ask("ollama/toy", "three")}
    keyed = ask("openai/toy", "five", api_key="sk-marked-key-1234567890")
    write(
        source, ask("openai/toy", "one"), "{broken", openai, ask("openai/toy", "status=403 four"), keyed, "", {"messages": []}
    )
    code, printed, told = batch("--json")
    assert code == 6
    found = lines(out)
    assert [record.get("error", {}).get("kind") for record in found] == [
        None,
        "validation",
        None,
        "permission_denied",
        "validation",
        "validation",
    ]
    assert [record["line"] for record in found] == [1, 2, 3, 4, 5, 7]
    assert found[1]["error"]["message"].startswith("Line 2: ")
    assert found[2]["id"] == "c"
    assert (found[3]["error"]["status"], found[3]["error"]["type"]) == (403, "PermissionDeniedError")
    summary = json.loads(printed)
    assert (summary["total"], summary["ok"], summary["failed"], summary["cost"]) == (6, 2, 4, 0.25)
    assert summary["go_on_with"].endswith("--resume --concurrency 8")
    assert "sk-marked" not in out.read_text() + printed + told
    assert summary["failures"] == {"validation": 3, "permission_denied": 1}
    assert f"Why they failed: validation (3), permission_denied (1). Their records in {out} tell more." in told


def test_resume_asks_again_for_failures_only(server, ask, source, out, batch):
    write(source, ask("openai/toy", "one"), "{broken", ask("openai/toy", "three"), ask("openai/toy", "status=403 four"))
    assert batch()[0] == 6
    kept = lines(out)
    write(source, ask("openai/toy", "one"), ask("openai/toy", "two"), ask("openai/toy", "three"), ask("openai/toy", "four"))
    server.asked.clear()
    code, printed, _ = batch("--resume", "--json")
    assert (code, sorted(server.prompts)) == (0, ["four", "two"])
    found = lines(out)
    assert [record["index"] for record in found] == [0, 1, 2, 3]
    assert (found[0], found[2]) == (kept[0], kept[2])
    assert json.loads(printed)["finished_before"] == 2
    assert not out.with_name("out.jsonl.superseded").exists()


def test_resume_leaves_failures_alone_where_told_so(server, ask, source, out, batch):
    write(source, ask("openai/toy", "one"), ask("openai/toy", "status=403 two"))
    assert batch()[0] == 6
    before = out.read_bytes()
    server.asked.clear()
    assert batch("--resume", "--keep-failures")[0] == 0
    assert (server.asked, out.read_bytes()) == ([], before)


def test_resume_says_what_has_changed_asks_for_it_and_keeps_what_was_paid_for(server, ask, source, out, batch):
    write(source, *numbered(ask, 5))
    assert batch()[0] == 0
    before = lines(out)
    changed = numbered(ask, 4)
    changed[1] = ask("openai/toy", "another question")
    write(source, *changed)
    server.asked.clear()
    code, printed, told = batch("--resume", "--json")
    assert code == 0
    assert "changed or gone since their results were written: 2." in told
    assert f"former answers (2) go into {out}.superseded" in told
    assert server.prompts == ["another question"]
    assert [record["index"] for record in lines(out)] == [0, 1, 2, 3]
    assert lines(out)[1]["response"]["choices"][0]["message"]["content"] == "question another "
    assert lines(out.with_name("out.jsonl.superseded")) == [before[1], before[4]]
    assert json.loads(printed)["changed"] == 2


@pytest.mark.parametrize("keep", [(), ("--keep-failures",)])
@pytest.mark.parametrize(
    ("change", "asked", "moved", "changed"),
    [
        (lambda old, new: [new, *old], ["brand new"], 5, 0),
        (lambda old, new: [*old[:2], new, *old[2:]], ["brand new"], 3, 0),
        (lambda old, new: old[1:], [], 4, 1),
        (lambda old, new: old[::-1], [], 4, 0),
        (lambda old, new: [{**old[0], "id": "renamed"}, *old[1:]], [], 1, 0),
        (lambda old, new: [new, old[4], old[4]], ["brand new", "number 4"], 1, 4),
        (lambda old, new: ["", new, "", old[4], ""], ["brand new"], 1, 4),
    ],
)
def test_answers_go_with_their_requests_where_the_file_has_changed(
    server, ask, source, out, batch, keep, change, asked, moved, changed
):
    requests = numbered(ask, 5)
    write(source, *requests)
    assert batch()[0] == 0
    wanted = change(requests, ask("openai/toy", "brand new", id="new"))
    write(source, *wanted)
    server.asked.clear()
    code, printed, told = batch("--resume", "--json", *keep)
    assert code == 0
    assert sorted(server.prompts) == sorted(asked)
    assert f"have moved, or have another id: {moved}." in told
    assert (json.loads(printed)["moved"], json.loads(printed)["changed"]) == (moved, changed)
    numbers = [number for number, each in enumerate(wanted, 1) if each]
    kept = [each for each in wanted if each]
    found = lines(out)
    assert [record["index"] for record in found] == list(range(len(kept)))
    assert [record["id"] for record in found] == [each["id"] for each in kept]
    assert [each["response"]["choices"][0]["message"]["content"].split() for each in found] == [
        each["messages"][0]["content"].split()[::-1] for each in kept
    ]
    if "" in wanted:
        assert [record["line"] for record in found] == numbers
    gone = {each["messages"][0]["content"] for each in requests} - {each["messages"][0]["content"] for each in kept}
    aside = out.with_name("out.jsonl.superseded")
    assert (len(lines(aside)) if aside.exists() else 0) == len(gone)


def test_answers_that_have_moved_survive_a_stop_in_the_middle(server, ask, source, out, batch, started):
    requests = numbered(ask, 5)
    write(source, *requests)
    assert batch()[0] == 0
    write(source, ask("openai/toy", "hold first"), *requests[:4], ask("openai/toy", "hold last"))
    server.asked.clear()
    process = started("--resume")
    server.wait_until(lambda asked: len(asked) == 2)
    process.kill()
    process.communicate()
    server.held.set()
    server.asked.clear()
    code, _, told = batch("--resume")
    assert code == 0
    assert sorted(server.prompts) == ["hold first", "hold last"]
    assert "4 of 6 requests are finished already" in told
    assert [record["id"] for record in lines(out)] == ["", "r0", "r1", "r2", "r3", ""]
    assert [record["id"] for record in lines(out.with_name("out.jsonl.superseded"))] == ["r4"]


def test_resume_with_other_requests_for_what_failed_speaks_of_no_answers(server, ask, source, out, batch):
    write(source, ask("openai/toy", "status=403 one"))
    assert batch("--max-wait", "5", "--json")[0] == 6
    write(source, ask("openai/toy", "one"))
    code, _, told = batch("--resume")
    assert code == 0
    assert "changed or gone since their results were written: 1." in told
    assert "former answers" not in told
    assert not out.with_name("out.jsonl.superseded").exists()


def test_command_to_go_on_keeps_the_limits(server, ask, source, out, batch):
    write(source, ask("openai/toy", "status=403 one"))
    _, printed, _ = batch("--max-wait", "5", "--rate", "6000", "--keep-failures", "--resume", "--json")
    assert json.loads(printed)["go_on_with"].endswith("--resume --concurrency 8 --rate 6000 --max-wait 5")


def test_finished_batch_resumed_asks_nothing_and_changes_nothing(server, ask, source, out, batch):
    write(source, *numbered(ask, 4))
    assert batch()[0] == 0
    before = out.read_bytes()
    server.asked.clear()
    code, printed, _ = batch("--resume")
    assert (code, server.asked, out.read_bytes()) == (0, [], before)
    assert "4/4 (4 before)" in printed


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (lambda source, out: out.write_text("mine"), (), "exists already"),
        (lambda source, out: out.write_text("mine\n"), ("--resume",), "is no record"),
        (lambda source, out: out.symlink_to(source), ("--resume",), "the file that the requests come from"),
        (lambda source, out: source.unlink(), (), "There is no file"),
        (lambda source, out: (source.unlink(), source.mkdir()), (), "is no file"),
        (lambda source, out: source.write_bytes("{}\n".encode("utf-16")), (), "Save it as UTF-8"),
        (lambda source, out: None, ("--concurrency", "0"), "concurrency is 0"),
        (lambda source, out: None, ("--rate", "fast"), "'fast' is no number"),
        (lambda source, out: None, ("--rate", "5", "--rate", "ollama=6"), "either one number"),
        (lambda source, out: None, ("--provider", "nobody"), "no provider 'nobody'"),
        (lambda source, out: None, ("--max-cost", "-1"), "allows nothing"),
        (lambda source, out: None, ("--max-cost", "nan"), "allows nothing"),
        (lambda source, out: None, ("--max-wait", "-1"), "max_wait is -1.0"),
        (lambda source, out: None, ("--out", "nowhere/out.jsonl"), "There is no folder 'nowhere'"),
    ],
)
def test_run_that_cannot_begin_changes_nothing(server, ask, source, out, batch, make, options, said):
    write(source, ask("openai/toy", "one"))
    make(source, out)
    before = {path.name: path.read_bytes() for path in out.parent.iterdir() if path.is_file()}
    code, _, told = batch(*options)
    assert code == 2
    assert said in told
    assert {path.name: path.read_bytes() for path in out.parent.iterdir() if path.is_file()} == before
    assert server.asked == []


def test_limit_of_costs_ends_the_run_and_another_run_goes_on(server, ask, source, out, batch):
    write(source, *numbered(ask, 10))
    code, printed, told = batch("--max-cost", "0.7", "--concurrency", "1", "--json")
    assert code == 7
    # Every answer costs 0.25: the third one reaches the limit.
    assert len(server.asked) == len(lines(out)) == 3
    assert "The limit of $0.7 is reached. 3 of 10" in told
    assert json.loads(printed)["stopped"] == "max_cost"
    assert batch("--resume")[0] == 0
    assert len(server.asked) == 10
    # Whoever repeats the command that was shown does not spend without a limit.
    assert json.loads(printed)["go_on_with"].endswith("--concurrency 1 --max-cost 0.7")
    assert [record["index"] for record in lines(out)] == list(range(10))


def test_nobody_there_has_an_exit_code_of_its_own(ask, source, out, batch, unused_url, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", unused_url)
    write(source, ask("openai/toy", "one", max_retries=0))
    assert batch()[0] == 3


def test_model_and_provider_of_the_command_line_fill_in(server, source, out, batch):
    message = {"messages": [{"role": "user", "content": "Hello"}]}
    write(source, message, {"model": "toy", **message})
    assert batch("--model", "ollama/toy", "--provider", "openai")[0] == 0
    assert [record["response"]["provider"] for record in lines(out)] == ["ollama", "openai"]


def test_killed_run_is_resumed_without_asking_twice(server, ask, source, out, started, batch):
    write(source, *numbered(ask, 8), *(ask("openai/toy", f"hold {number}") for number in range(8)), *numbered(ask, 4))
    process = started("--concurrency", "4")
    server.wait_until(lambda asked: server.running == 4 and sum("hold" in each.prompt for each in asked) == 4)
    process.kill()
    process.communicate()
    finished = {json.loads(line)["index"] for line in out.read_bytes().splitlines()}
    assert finished == set(range(8))
    # As if the process had been killed in the middle of a line.
    with out.open("ab") as file:
        file.write(out.read_bytes().splitlines()[0][:40])
    server.held.set()
    server.asked.clear()
    code, _, told = batch("--resume")
    assert code == 0
    assert "middle of a line" in told
    assert "8 of 20 requests are finished already" in told
    assert sorted(server.prompts) == sorted([*(f"hold {number}" for number in range(8)), *(f"number {n}" for n in range(4))])
    resumed = lasting(out)
    out.unlink()
    assert batch()[0] == 0
    assert resumed == lasting(out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_keeps_what_is_finished_and_says_how_to_go_on(server, ask, source, out, root, started, number):
    write(source, *numbered(ask, 6), *(ask("openai/toy", f"hold {number}") for number in range(6)))
    process = started("--concurrency", "3", "--json")
    server.wait_until(lambda asked: server.running == 3 and sum("hold" in each.prompt for each in asked) == 3)
    process.send_signal(number)
    printed, told = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    server.wait_until(lambda _: server.running == 0)
    assert "Stopped. 6 of 12 results are kept" in told
    assert "Traceback" not in told
    assert json.loads(printed)["stopped"] == "interrupted"
    assert not out.with_name("out.jsonl.lock").exists()
    command = shlex.split(told.rpartition("with: ")[2])
    assert command[:3] == ["python", "-m", "nuke_ai_panel"]
    server.held.set()
    server.asked.clear()
    done = subprocess.run([sys.executable, *command[1:]], cwd=root, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(server.prompts) == [f"hold {number}" for number in range(6)]
    assert [record["index"] for record in lines(out)] == list(range(12))


def test_second_run_is_refused_while_the_first_one_writes(server, ask, source, out, started, batch):
    write(source, ask("openai/toy", "hold"))
    first = started()
    server.wait_until(lambda asked: len(asked) == 1)
    code, _, told = batch("--resume")
    assert code == 2
    assert "Another run" in told
    server.held.set()
    assert first.wait(LIMIT) == 0
    assert len(lines(out)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
def test_terminal_gets_one_line_that_changes(server, ask, source, out, root):
    import pty

    write(source, *(ask("openai/toy", f"wait=0.15 number {number}") for number in range(5)))
    reader, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "nuke_ai_panel", "batch", str(source), "--out", str(out), "--concurrency", "1"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(reader, 4096):
                shown += piece
        except OSError:
            # Linux says so when the other end is closed.
            pass
        os.close(reader)
        process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    assert shown.count(b"\r") > 3
    assert shown.strip().count(b"\n") == 0
    assert b"5/5, 5 ok, 0 failed" in shown


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the peak of a process's memory is read from /proc")
def test_memory_stays_flat_for_a_long_file(server, ask, source, out, root):
    # Not ru_maxrss: a process inherits that from the one that starts it.
    code = (
        "import sys; from nuke_ai_panel.cli.main import main; code = main(sys.argv[1:]);"
        " print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))); sys.exit(code)"
    )

    def peak(count):
        with source.open("w") as file:
            for number in range(count):
                file.write(json.dumps(ask("openai/toy", f"{number} " + "x" * 250_000)) + "\n")
        command = [sys.executable, "-c", code, "batch", str(source), "--out", str(out), "--concurrency", "2"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=LIMIT, check=True)
        out.unlink()
        return int(done.stdout.split()[-1]) / 1024

    few, many = peak(20), peak(180)
    # The longer file has 40 MB more, and so have the answers.
    assert many - few < 20


def test_a_line_attaches_files_beside_it_and_from_folders_that_are_allowed_only(server, source, out, batch, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    source_folder = source.parent / "shots"
    (source_folder / "inner").mkdir(parents=True)
    for place in (source_folder / "inner", frames):
        (place / "note.txt").write_text("Blur is soft", encoding="utf-8")
    os.symlink(frames / "note.txt", source_folder / "link.txt")
    asked = [
        str(frames / "note.txt"),
        "inner/note.txt",
        "../frames/note.txt",
        "link.txt",
        str(source_folder / "inner" / "note.txt"),
    ]
    inside = source_folder / "in.jsonl"
    write(
        inside,
        *({"model": "ollama/toy", "messages": [{"role": "user", "content": "a"}], "attachments": [each]} for each in asked),
    )
    code = main(["batch", str(inside), "--out", str(out)])
    assert code != 0
    kinds = [record.get("error", {}).get("type") for record in lines(out)]
    outside = "PathOutsideRootError"
    assert kinds == [outside, None, outside, outside, None]
    assert "--files" in lines(out)[0]["error"]["message"]
    assert len(server.asked) == 2
    assert main(["batch", str(inside), "--out", str(out), "--resume", "--files", str(frames)]) == 0
    assert len(server.asked) == 5
    assert all("Blur is soft" in each.prompt for each in server.asked)
