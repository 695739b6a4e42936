"""The file of results: what it survives, what it refuses, and the order it ends in."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys

import pytest

from nuke_ai_panel.batch.result_file import ResultFile
from nuke_ai_panel.errors import ValidationError


def record(index, text="said"):
    return {"index": index, "id": f"r{index}", "response": {"text": text}}


def failure(index):
    return {"index": index, "id": f"r{index}", "error": {"kind": "stalled"}}


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.jsonl"


@pytest.fixture
def opened():
    """Open a result file that is closed with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(contextlib.closing(ResultFile(*args, **kwargs)))


def test_record_is_in_the_file_as_soon_as_append_returns(out, opened):
    results = opened(out)
    results.append(record(0), 7)
    assert lines(out) == [{"request": "0000000000000007", **record(0)}]


def test_put_in_order_leaves_each_record_once_in_the_order_of_the_input(out, opened):
    results = opened(out)
    for index in (2, 0, 3, 1):
        results.append(failure(index) if index == 3 else record(index), index)
    results.append(record(3, "at last"), 3)
    results.put_in_order()
    assert [line["index"] for line in lines(out)] == [0, 1, 2, 3]
    assert lines(out)[3]["response"] == {"text": "at last"}
    assert [path.name for path in out.parent.iterdir()] == ["out.jsonl", "out.jsonl.lock"]


def test_put_in_order_keeps_the_old_file_when_the_new_one_cannot_be_written(out, opened):
    results = opened(out)
    results.append(record(1), 1)
    results.append(record(0), 0)
    before = out.read_bytes()
    # A folder of that name is in the way.
    out.with_name(out.name + ".ordering").mkdir()
    with pytest.raises(OSError, match="ordering"):
        results.put_in_order()
    assert out.read_bytes() == before


def test_existing_file_is_refused_unless_it_is_to_be_resumed(out):
    out.write_bytes(b"")
    with pytest.raises(ValidationError, match="--resume"):
        ResultFile(out)
    assert not out.with_name("out.jsonl.lock").exists()


@pytest.mark.parametrize("kept", [1, 20, -2])
def test_resume_cuts_off_a_torn_last_line(out, opened, kept):
    with contextlib.closing(ResultFile(out)) as results:
        results.append(record(0), 5)
        whole = out.read_bytes()
        results.append(record(1), 6)
    torn = out.read_bytes()[len(whole) :][:kept]
    out.write_bytes(whole + torn)
    results = opened(out, resume=True)
    assert results.torn
    assert out.read_bytes() == whole
    assert [results.holds(0, 5), results.holds(1, 6)] == ["ok", ""]
    results.append(record(1), 6)
    assert [line["index"] for line in lines(out)] == [0, 1]


def test_resume_keeps_a_last_record_that_lacks_only_its_line_end(out, opened):
    with contextlib.closing(ResultFile(out)) as results:
        results.append(record(0), 5)
    out.write_bytes(out.read_bytes()[:-1])
    results = opened(out, resume=True)
    assert not results.torn
    results.append(record(1), 6)
    assert [line["index"] for line in lines(out)] == [0, 1]


@pytest.mark.parametrize(
    "foreign",
    [
        b"a page of text\nand another\n",
        b'{"messages": []}\n',
        b'{"index": 0, "request": "zz", "error": {}}\n',
        b"[]\n\n",
        b'{"i\n{}\n',
        b"one line",
    ],
)
def test_resume_refuses_a_file_that_is_no_result_and_leaves_it_alone(out, foreign):
    out.write_bytes(foreign)
    with pytest.raises(ValidationError, match="Line 1"):
        ResultFile(out, resume=True)
    assert out.read_bytes() == foreign


def test_resume_tells_answered_failed_and_changed_requests_apart(out, opened):
    with contextlib.closing(ResultFile(out)) as results:
        results.append(record(0), 5)
        results.append(failure(2), 7)
    results = opened(out, resume=True)
    held = [results.holds(0, 5), results.holds(0, 6), results.holds(1, 6), results.holds(2, 7), results.holds(3, 0)]
    assert held == ["ok", "changed", "", "failed", ""]
    assert (len(results), results.finished) == (2, 1)


def test_answer_that_is_forgotten_is_kept_beside_the_results(out, opened):
    with contextlib.closing(ResultFile(out)) as results:
        for index in range(3):
            results.append(record(index), index)
    results = opened(out, resume=True)
    results.forget(1)
    results.append(record(1, "new"), 11)
    results.put_in_order()
    assert [line["response"]["text"] for line in lines(out)] == ["said", "new", "said"]
    assert [line["index"] for line in lines(out.with_name("out.jsonl.superseded"))] == [1]


def test_answer_that_an_interrupted_run_replaced_is_kept_beside_the_results(out, opened):
    with contextlib.closing(ResultFile(out)) as results:
        results.append(record(0), 5)
    with contextlib.closing(ResultFile(out, resume=True)) as results:
        results.forget(0)
        results.append(record(0, "new"), 6)
    results = opened(out, resume=True)
    assert results.set_aside == 1
    results.put_in_order()
    assert [line["response"]["text"] for line in lines(out)] == ["new"]
    assert [line["response"]["text"] for line in lines(out.with_name("out.jsonl.superseded"))] == ["said"]


def test_answer_without_a_place_is_given_to_the_same_request_that_had_failed(out, opened):
    with contextlib.closing(ResultFile(out)) as results:
        results.append(record(0), 5)
        results.append(failure(1), 5)
    results = opened(out, resume=True)
    results.forget(0)
    assert results.reuse([(0, 6, "r0", 1), (1, 5, "r1", 2)]) == 1
    assert (results.holds(0, 6), results.holds(1, 5, "r1"), results.set_aside) == ("", "ok", 0)


def test_answer_is_kept_where_only_a_failure_stands_for_its_request(out, opened):
    with contextlib.closing(ResultFile(out)) as results:
        results.append(record(0), 5)
    results = opened(out, resume=True)
    results.forget(0)
    results.append(failure(1), 5)
    results.put_in_order()
    assert [line["index"] for line in lines(out.with_name("out.jsonl.superseded"))] == [0]


def test_append_that_fails_leaves_whole_lines_only(out, root):
    # A limit on the size of files fails a write in the middle, as a full disk does.
    if sys.platform == "win32":
        pytest.skip("there is no such limit on Windows")
    code = """
import contextlib, resource, signal, sys
from pathlib import Path
from nuke_ai_panel.batch.result_file import ResultFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with contextlib.closing(ResultFile(Path(sys.argv[1]))) as results:
    results.append({"index": 0, "response": "small"}, 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    try:
        results.append({"index": 1, "response": "x" * 9000}, 2)
    except OSError as error:
        print("refused")
    results.append({"index": 2, "response": "small"}, 3)
"""
    done = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True, timeout=60, cwd=root)
    assert (done.stdout, done.stderr) == ("refused\n", "")
    assert [line["index"] for line in lines(out)] == [0, 2]


def test_second_run_on_the_same_results_is_refused_and_a_killed_one_is_not_in_the_way(out, root):
    code = "import sys; from pathlib import Path; from nuke_ai_panel.batch.result_file import ResultFile\n"
    code += "results = ResultFile(Path(sys.argv[1])); print('holds', flush=True); sys.stdin.read()"
    first = subprocess.Popen(
        [sys.executable, "-c", code, str(out)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout.readline() == "holds\n"
        with pytest.raises(ValidationError, match="Another run"):
            ResultFile(out, resume=True)
        first.kill()
    results = ResultFile(out, resume=True)
    results.close()
    assert not out.with_name("out.jsonl.lock").exists()


def test_half_a_surrogate_pair_is_kept(out, opened):
    results = opened(out)
    results.append(record(0, "\ud83d"), 1)
    assert lines(out)[0]["response"]["text"] == "\ud83d"


def test_link_to_the_results_stays_a_link(tmp_path, opened):
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(real)
    results = opened(link)
    results.append(record(1), 1)
    results.append(record(0), 0)
    results.put_in_order()
    assert link.is_symlink()
    assert [line["index"] for line in lines(real)] == [0, 1]


def test_resume_cuts_off_the_empty_space_that_a_power_cut_leaves(out, opened):
    with contextlib.closing(ResultFile(out)) as results:
        results.append(record(0), 5)
    whole = out.read_bytes()
    out.write_bytes(whole + b"\0" * 512)
    assert opened(out, resume=True).torn
    assert out.read_bytes() == whole
