"""The demo model on the wire, read with the standard library's own HTTP client."""

from __future__ import annotations

import http.client
import json
import threading
from urllib.parse import urlsplit

import pytest

from nuke_ai_panel.cli.demo_answers import ANSWERS, LABEL, MENU, answer_to, pieces
from nuke_ai_panel.cli.demo_server import MODEL, DemoServer
from nuke_ai_panel.scripting.finding import find_proposals


def connect(demo: DemoServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(demo.url).netloc, timeout=10)


def call(demo: DemoServer, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    connection = connect(demo)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def chat(prompt: str, **more: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": prompt}], **more}


def test_demo_server_listens_on_loopback_only(server):
    assert urlsplit(server.url).hostname == "127.0.0.1"


def test_demo_server_says_what_ollama_says_about_itself(server):
    assert call(server, "GET", "/") == (200, b"Ollama is running")
    assert json.loads(call(server, "GET", "/api/version")[1])["version"]
    assert [model["name"] for model in json.loads(call(server, "GET", "/api/tags")[1])["models"]] == ["demo"]
    shown = json.loads(call(server, "POST", "/api/show", {"model": "demo"})[1])
    assert shown["capabilities"] == ["completion"]
    assert shown["model_info"]["demo.context_length"] > 4096


def test_chat_streams_one_json_object_a_line_and_ends_with_done(server):
    status, body = call(server, "POST", "/api/chat", chat("please blur this"))
    lines = [json.loads(line) for line in body.splitlines()]
    assert status == 200
    assert "".join(line["message"]["content"] for line in lines) == answer_to("blur")
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1]["done_reason"] == "stop"
    assert lines[-1]["eval_count"] == len(lines) - 1 > 20


def test_chat_without_streaming_gives_the_same_answer_at_once(server):
    status, body = call(server, "POST", "/api/chat", chat("please blur this", stream=False))
    answer = json.loads(body)
    assert status == 200
    assert answer["done"] is True
    assert answer["message"]["content"] == answer_to("blur")


def test_chat_answers_the_last_message_of_the_user(server):
    messages = [
        {"role": "system", "content": "you help with backdrop"},
        {"role": "user", "content": "blur"},
        {"role": "assistant", "content": "backdrop"},
        {"role": "user", "content": "now a grade"},
    ]
    body = call(server, "POST", "/api/chat", {"model": "demo", "messages": messages, "stream": False})[1]
    assert json.loads(body)["message"]["content"] == answer_to("grade")


def test_num_predict_cuts_the_answer_and_says_so(server):
    body = call(server, "POST", "/api/chat", chat("blur", options={"num_predict": 3}))[1]
    lines = [json.loads(line) for line in body.splitlines()]
    assert len(lines) == 4
    assert lines[-1]["done_reason"] == "length"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/chat", {"model": "nope", "messages": []}, 404),
        ("/api/show", {"model": "nope"}, 404),
        ("/api/chat", {"messages": []}, 400),
        ("/api/chat", [], 400),
        ("/api/chat", None, 400),
    ],
)
def test_a_wrong_request_gets_an_error_object(server, path, body, status):
    got, answer = call(server, "POST", path, body)
    assert got == status
    assert json.loads(answer)["error"]


def test_an_unknown_path_is_a_plain_404(server):
    assert call(server, "GET", "/v1/models")[0] == 404
    assert call(server, "POST", "/api/generate", {})[0] == 404


def test_one_connection_serves_many_requests(server):
    connection = connect(server)
    for _ in range(3):
        connection.request("POST", "/api/chat", json.dumps(chat("grade")))
        assert connection.getresponse().read().endswith(b"}\n")
    connection.close()


def test_stop_ends_an_answer_in_the_middle_and_leaves_no_thread():
    before = set(threading.enumerate())
    demo = DemoServer(pause=30.0)
    demo.start()
    connection = connect(demo)
    connection.request("POST", "/api/chat", json.dumps(chat("grade")))
    answer = connection.getresponse()
    assert json.loads(answer.readline())["done"] is False
    demo.stop()
    with pytest.raises(http.client.HTTPException):
        answer.read()
    connection.close()
    assert set(threading.enumerate()) <= before
    demo.stop()
    assert demo.url == ""


def test_every_answer_is_labelled_and_reached_by_each_of_its_words():
    for answer in ANSWERS:
        assert answer.text.startswith(LABEL)
        for word in answer.words:
            assert answer_to(f"Please {word.upper()}, now") == answer.text


def test_any_other_prompt_gets_the_honest_menu():
    assert answer_to("make it look like a film from 1970") == MENU
    assert MENU.startswith(LABEL)
    for answer in ANSWERS:
        assert answer.words[0] in MENU


def test_words_in_the_script_data_and_in_notes_are_not_the_prompt():
    told = "<script-data>\nNodes: 1\n- Blur1 (Blur) | knobs: label fail\n</script-data>\n[The artist ran the grade.]\n\n"
    assert answer_to(told + "add a backdrop") == answer_to("backdrop")
    assert answer_to(told + "hello") == MENU


def test_the_first_known_word_decides():
    assert answer_to("blur the backdrop") == answer_to("blur")
    assert answer_to("a backdrop, then blur") == answer_to("backdrop")


@pytest.mark.parametrize("text", [*(answer.text for answer in ANSWERS), MENU, "", "\n\n a\n  b  "])
def test_pieces_lose_nothing(text):
    assert "".join(pieces(text)) == text


@pytest.mark.parametrize("word", ["grade", "blur", "backdrop", "fail"])
def test_a_working_answer_holds_one_script(word):
    (proposal,) = find_proposals(answer_to(word))
    compile(proposal.code, word, "exec")


@pytest.mark.parametrize("prompt", ["explain", "count", "hello"])
def test_a_telling_answer_proposes_nothing(prompt):
    assert find_proposals(answer_to(prompt)) == []
