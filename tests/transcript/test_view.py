"""The transcript as a reader meets it: streaming, code, cards and folds."""

from __future__ import annotations

import pytest

from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets
from nuke_ai_panel_ui.transcript.block_rows import CodeRow, TableRow, TextRow
from nuke_ai_panel_ui.transcript.code_bar import FoldButton
from nuke_ai_panel_ui.transcript.rows import FoldRow, HeadRow

CODE = "import nuke\nnuke.nodes.Merge2()"
ANSWER = f"Use `Merge2` like [this](https://example.com/merge):\n\n```python\n{CODE}\n```\n\nDone with it now."


class Card(QtWidgets.QFrame):
    def __init__(self, text="Run this in Nuke?"):
        super().__init__()
        self.label = QtWidgets.QLabel(text)
        self.label.setWordWrap(True)
        self.run = QtWidgets.QPushButton("Run")
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self.label)
        layout.addWidget(self.run)


# Streaming


@pytest.mark.parametrize("seed", range(6))
def test_view_shows_the_same_however_the_answer_came(make_reader, samples, cuts, seed):
    text = samples(seed, 16)
    streamed, whole = make_reader(420, 900), make_reader(420, 900)
    streamed.view.begin_answer("model")
    for number, piece in enumerate(cuts(text, seed)):
        streamed.view.feed(piece)
        if number % 9 == 0:
            streamed.qtbot.wait(1)
    streamed.view.end_answer()
    whole.view.add_message("assistant", text, "model")
    assert streamed.view.message_text(0) == whole.view.message_text(0)
    assert streamed.everything() == whole.everything()
    assert streamed.picture() == whole.picture()


def test_view_shows_a_table_whose_lines_come_one_by_one(make_reader):
    text = "The knobs:\n\n| knob | what it does |\n|---|---|\n| `mix` | how much is kept |\n\nThat is all.\n"
    streamed, whole = make_reader(420, 400), make_reader(420, 400)
    streamed.view.begin_answer("model")
    for line in text.splitlines(keepends=True):
        streamed.view.feed(line)
        streamed.picture()
    streamed.view.end_answer()
    whole.view.add_message("assistant", text, "model")
    assert len(streamed.rows(TableRow)) == 1
    assert streamed.picture() == whole.picture()


def test_view_shows_the_first_text_without_waiting_for_more(reader):
    reader.view.begin_answer("model")
    reader.view.feed("Hel")
    assert reader.everything().endswith("Hel")
    assert reader.view.is_streaming
    reader.view.end_answer()
    assert not reader.view.is_streaming


def test_view_takes_a_burst_whole(reader, samples):
    text = samples(5, 1200)
    assert len(text) > 50_000
    reader.view.begin_answer("model")
    reader.view.feed(text)
    reader.view.end_answer()
    reader.settle()
    assert reader.view.message_text(0) == text.strip("\n")
    assert reader.view.verticalScrollBar().value() == reader.view.verticalScrollBar().maximum()


def test_view_keeps_finished_rows_while_the_answer_grows(reader):
    reader.view.begin_answer("model")
    reader.view.feed("One.\n\nTwo.\n\nThr")
    before = [(item.row, item.row.version, item.y) for item in reader.rows(TextRow)[:2]]
    reader.view.feed("ee and more.\n\nFour")
    after = [(item.row, item.row.version, item.y) for item in reader.rows(TextRow)[:2]]
    assert before == after


def test_view_completes_links_defined_below(reader):
    reader.view.add_message("assistant", "See [this][ref] here.\n\nMore.\n\n[ref]: https://example.com/ref\n")
    assert "[" not in reader.everything()
    item = reader.rows(TextRow)[0]
    assert "https://example.com/ref" in item.row.document.toHtml()


def test_view_refuses_text_without_an_answer(reader):
    with pytest.raises(RuntimeError, match="begin_answer"):
        reader.view.feed("x")


def test_view_keeps_the_readers_place_while_an_answer_streams(reader, samples):
    reader.view.set_messages([("assistant", samples(n, 6), "") for n in range(12)])
    reader.settle()
    bar = reader.view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    reader.settle()
    reader.qtbot.wait(100)
    reader.settle()
    before = [(item.row.key, item.y) for item in reader.view.seen_rows()]
    assert "Jump to the latest message" in reader.buttons()
    reader.view.begin_answer("model")
    for piece in samples(99, 30).split(" "):
        reader.view.feed(piece + " ")
        reader.qtbot.wait(1)
    reader.view.end_answer()
    reader.settle()
    assert [(item.row.key, item.y) for item in reader.view.seen_rows()] == before
    assert bar.value() < bar.maximum()
    reader.qtbot.mouseClick(reader.button("Jump to the latest message"), Qt.MouseButton.LeftButton)
    reader.settle()
    assert bar.value() == bar.maximum()
    assert "Jump to the latest message" not in reader.buttons()


def test_view_follows_the_end_when_the_reader_is_there(reader, samples):
    reader.view.begin_answer("model")
    for piece in samples(4, 20).split(" "):
        reader.view.feed(piece + " ")
    reader.view.end_answer()
    reader.settle()
    bar = reader.view.verticalScrollBar()
    assert bar.maximum() > 0
    assert bar.value() == bar.maximum()


# Code


@pytest.fixture
def code_reader(reader):
    reader.view.add_message("user", "How do I merge?")
    reader.view.add_message("assistant", ANSWER, "model")
    reader.actions = []
    reader.view.code_action.connect(lambda *values: reader.actions.append(values))
    return reader


@pytest.mark.parametrize("action", ["copy", "insert", "run"])
def test_code_buttons_work_by_mouse_and_keyboard(code_reader, action):
    button = code_reader.button(f"{action.title()} python code block")
    QtWidgets.QApplication.clipboard().clear()
    code_reader.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    button.setFocus()
    code_reader.qtbot.keyClick(button, Qt.Key.Key_Space)
    assert code_reader.actions == [(action, CODE, "python")] * 2
    assert QtWidgets.QApplication.clipboard().text() == (CODE if action == "copy" else "")


def test_code_buttons_are_reached_with_tab(code_reader):
    code_reader.settle()
    code_reader.view.setFocus()
    names = []
    widget = code_reader.view
    for _ in range(40):
        widget = widget.nextInFocusChain()
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.accessibleName():
            names.append(widget.accessibleName())
    assert "Copy python code block" in names
    assert "Run python code block" in names


def test_code_of_many_parts_is_copied_whole(code_reader):
    code = "\n".join(f"x{n} = {n}" for n in range(500))
    code_reader.view.add_message("assistant", f"```tcl\n{code}\n```")
    code_reader.settle()
    bar = code_reader.view.verticalScrollBar()
    while "Copy tcl code block" not in code_reader.buttons():
        assert bar.value() > 0
        bar.setValue(bar.value() - 600)
    code_reader.qtbot.mouseClick(code_reader.button("Copy tcl code block"), Qt.MouseButton.LeftButton)
    assert code_reader.actions == [("copy", code, "tcl")]


def test_code_actions_are_chosen_and_run_is_for_what_nuke_runs(code_reader):
    code_reader.view.add_message("assistant", "```blinkscript\nkernel A {}\n```\n\n```json\n{}\n```")
    assert "Run blinkscript code block" in code_reader.buttons()
    assert "Run json code block" not in code_reader.buttons()
    code_reader.view.set_code_actions(("copy",))
    assert {name for name in code_reader.buttons() if "code block" in name} == {
        "Copy python code block",
        "Copy blinkscript code block",
        "Copy json code block",
    }


def test_half_a_script_cannot_be_run(reader):
    reader.view.begin_answer("model")
    reader.view.feed("```python\nimport nuke\nnuke.delete(")
    assert not reader.button("Run python code block").isEnabled()
    assert not reader.button("Insert python code block").isEnabled()
    reader.view.feed("node)\n```\n")
    assert reader.button("Run python code block").isEnabled()
    reader.view.end_answer()


def test_wide_code_scrolls_sideways_and_shows_that_it_goes_on(reader):
    reader.view.add_message("assistant", "```python\n" + "x = 1 + " * 40 + "2\n```")
    before = reader.picture()
    item = reader.rows(CodeRow)[0]
    point = QtCore.QPointF(100, item.y + item.height - 20)
    everywhere = QtCore.QPointF(reader.viewport.mapToGlobal(point.toPoint()))
    event = QtGui.QWheelEvent(
        point,
        everywhere,
        QtCore.QPoint(0, 0),
        QtCore.QPoint(-240, 0),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QtWidgets.QApplication.sendEvent(reader.viewport, event)
    assert reader.picture() != before
    assert reader.everything().endswith("x = 1 + " * 40 + "2")


# Cards


def test_card_is_a_row_and_later_text_goes_below_it(reader):
    reader.view.begin_answer("model")
    reader.view.feed("Before the card.")
    card = Card()
    reader.view.add_widget(card)
    reader.view.feed("After the card.")
    reader.view.end_answer()
    first, second = reader.rows(TextRow)
    assert first.y < card.geometry().top() < second.y
    assert card.isVisible()
    assert reader.view.message_text(0) == "Before the card.\n\nAfter the card."
    clicked = []
    card.run.clicked.connect(lambda: clicked.append(True))
    reader.qtbot.mouseClick(card.run, Qt.MouseButton.LeftButton)
    assert clicked == [True]


def test_card_that_grows_pushes_what_is_below(reader):
    reader.view.add_message("assistant", "Answer.")
    card = Card()
    reader.view.add_widget(card, 0)
    reader.view.add_message("user", "Next question.")
    reader.settle()
    before, height = reader.rows(TextRow)[-1].y, card.height()
    card.label.setText("A longer story. " * 40)
    reader.qtbot.waitUntil(lambda: card.height() > height, timeout=5000)
    assert reader.rows(TextRow)[-1].y - before == card.height() - height


def test_card_goes_out_of_sight_and_comes_back(reader, samples):
    reader.view.add_message("assistant", samples(1, 30))
    card = Card()
    reader.view.add_widget(card)
    reader.settle()
    assert card.isVisible()
    reader.view.verticalScrollBar().setValue(0)
    reader.settle()
    assert not card.isVisible()
    reader.view.to_bottom()
    reader.settle()
    assert card.isVisible()


def test_removed_card_belongs_to_its_caller_again(reader):
    reader.view.add_message("assistant", "Answer.")
    card = Card()
    reader.view.add_widget(card)
    reader.settle()
    reader.view.remove_widget(card)
    reader.settle()
    assert card.parent() is None
    assert not card.isVisible()
    assert reader.everything() == "Assistant:\n\nAnswer." or reader.everything() == "Answer."
    card.deleteLater()


# Folds


def test_fold_hides_its_text_until_it_is_opened(reader):
    reader.view.begin_answer("model")
    fold = reader.view.add_fold("Thinking…")
    for piece in ("First I ", "look. ", "Then **I** act."):
        reader.view.append_to_fold(fold, piece)
    reader.view.feed("The answer.")
    reader.view.set_fold_title(fold, "Thought for 6 s")
    reader.view.end_answer()
    assert reader.everything() == "The answer."
    reader.qtbot.mouseClick(reader.button("Show Thought for 6 s"), Qt.MouseButton.LeftButton)
    assert reader.everything() == "First I look. Then I act.\n\nThe answer."
    hide = reader.button("Hide Thought for 6 s")
    hide.setFocus()
    reader.qtbot.keyClick(hide, Qt.Key.Key_Space)
    assert reader.everything() == "The answer."
    assert reader.view.message_text(0) == "The answer."


def test_open_fold_grows(reader):
    reader.view.begin_answer("model")
    fold = reader.view.add_fold("Thinking…", "One.")
    reader.view.toggle_fold(fold)
    reader.view.append_to_fold(fold, "\n\nTwo.")
    reader.view.feed("Answer.")
    reader.view.end_answer()
    assert reader.everything() == "One.\n\nTwo.\n\nAnswer."


# Stored conversations


def test_view_shows_messages_with_titles_and_gives_them_back(reader):
    reader.view.set_messages([("user", "Hi", ""), ("assistant", "**Hello**", "qwen · 14:02")])
    assert [item.row.message.title for item in reader.rows(HeadRow)] == ["You", "qwen · 14:02"]
    assert reader.view.message_text(1) == "**Hello**"
    assert reader.view.markdown() == "### You\n\nHi\n\n### qwen · 14:02\n\n**Hello**"
    reader.view.clear()
    assert reader.view.seen_rows() == []
    assert reader.view.markdown() == ""


def test_long_conversation_opens_with_few_documents(reader, samples):
    answer = samples(2, 4)
    reader.view.set_messages([(("user", "assistant")[n % 2], f"Message {n}\n\n{answer}", "") for n in range(2000)])
    reader.settle()
    assert reader.view.document_count < 60
    bar = reader.view.verticalScrollBar()
    assert bar.value() == bar.maximum()

    def is_at_the_first():
        bar.setValue(0)
        return reader.rows(HeadRow)[0].row.message.number == 0

    reader.qtbot.waitUntil(is_at_the_first, timeout=20_000)
    for place in range(0, 20):
        bar.setValue(bar.maximum() * place // 20)
        reader.settle()
    assert reader.view.document_count <= 160


def test_view_stays_at_the_top_row_while_older_messages_are_filled_in(reader, samples):
    reader.view.set_messages([("assistant", f"Message {n}\n\n{samples(n, 2)}", "") for n in range(500)])
    reader.view.verticalScrollBar().setValue(reader.view.verticalScrollBar().maximum() // 2)
    reader.settle()
    first = reader.view.seen_rows()[0]
    reader.qtbot.waitUntil(lambda: reader.view.verticalScrollBar().maximum() > 500 * 50, timeout=20_000)
    reader.settle()
    now = reader.view.seen_rows()[0]
    assert (now.row.message.number, now.y) == (first.row.message.number, first.y)


def test_jumping_into_an_unread_message_lands_where_the_scroll_bar_says(reader):
    text = "\n\n".join(f"Paragraph {n} with some words in it." for n in range(300))
    reader.view.set_messages([("assistant", text, ""), ("assistant", text, "")])
    reader.settle()
    bar = reader.view.verticalScrollBar()
    # The newer message is laid out at its end; the older one has not been looked at and is half the conversation.
    bar.setValue(reader.view.verticalScrollBar().maximum() // 4)
    reader.settle()
    item = reader.rows(TextRow)[0]
    assert item.row.message.number == 0
    paragraph = int(item.row.block.text.split()[1])
    assert 75 < paragraph < 225


def test_long_tables_share_their_columns(reader):
    rows = "".join(f"| cell {n} | `value {n}` |\n" for n in range(30))
    reader.view.add_message("assistant", f"| Name | Value |\n|---|---|\n{rows}")
    widths = set()
    for item in reader.rows(TableRow):
        widths.add(round(item.row.document.idealWidth()))
    assert len(reader.rows(TableRow)) >= 3
    assert len(widths) == 1


# Appearance


def test_text_column_is_capped_and_centred(make_reader):
    reader = make_reader(1400, 500)
    reader.view.add_message("assistant", "word " * 400)
    row = reader.rows(TextRow)[0].row
    assert row.document.textWidth() <= 720
    picture = reader.picture()
    assert {picture.pixel(x, 60) for x in (*range(300), *range(1100, 1380))} == {picture.pixel(5, 60)}


def test_font_size_and_palette_change_what_is_painted(reader):
    reader.view.add_message("assistant", ANSWER, "model")
    before = reader.picture()
    height = reader.rows(TextRow)[0].height
    reader.view.set_font_size(20)
    assert reader.rows(TextRow)[0].height > height
    reader.view.set_font_size(reader.view.font().pixelSize() if reader.view.font().pixelSize() > 0 else 13)
    palette = QtGui.QPalette(reader.view.palette())
    palette.setColor(QtGui.QPalette.ColorRole.Window, QtGui.QColor("#102030"))
    reader.view.setPalette(palette)
    assert QtGui.QColor(reader.picture().pixel(3, 40)).name() == "#102030"
    assert before.pixel(3, 40) != reader.picture().pixel(3, 40)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 60_000,
        "word " * 12_000,
        "```\n" + "y" * 50_000 + "\n" + "z\n" * 4000,
        "".join(f"{n}. item\n" for n in range(400)),
        "|a|b|\n|-|-|\n" + "|<br>|**x**|\n" * 300,
        "<img src='file:///etc/passwd'>![x](file:///etc/hostname)\n" * 50,
        "> " * 2000,
        "\u2029\ufdd0\x00\ud83d\u202e```python\n\u2028\n```",
        "```\n```\n```\n```\n\n---\n\n#\n\n-\n\n|\n",
    ],
)
def test_view_survives_hostile_text(reader, text):
    reader.view.begin_answer("model")
    for start in range(0, len(text), 4001):
        reader.view.feed(text[start : start + 4001])
        reader.qtbot.wait(1)
    reader.view.end_answer()
    reader.settle()
    reader.view.verticalScrollBar().setValue(0)
    reader.settle()
    reader.picture()
    for item in reader.view.seen_rows():
        if item.row.document is not None:
            assert "<img" not in item.row.document.toHtml()
            assert item.row.document.blockCount() < 400


def test_no_file_is_opened_for_an_image(reader, tmp_path):
    picture = tmp_path / "loud.png"
    image = QtGui.QImage(300, 300, QtGui.QImage.Format.Format_RGB32)
    image.fill(QtGui.QColor("#ff00ff"))
    assert image.save(str(picture))
    url = picture.as_uri()
    reader.view.add_message("assistant", f"![x]({url}) <img src='{url}'>\n\n| ![y]({url}) |\n|---|\n| <img src='{url}'> |\n")
    seen = reader.picture()
    colours = {seen.pixel(x, y) for x in range(0, seen.width(), 3) for y in range(0, seen.height(), 3)}
    assert QtGui.QColor("#ff00ff").rgb() not in colours


def test_a_fold_stands_apart_from_what_is_no_fold(reader):
    reader.view.begin_answer("model")
    folds = [reader.view.add_fold("One"), reader.view.add_fold("Two")]
    reader.view.feed("Some text.")
    folds.append(reader.view.add_fold("Three"))
    reader.view.add_widget(Card())
    folds.append(reader.view.add_fold("Four"))
    reader.view.end_answer()
    heights = {item.row.number: item.height for item in reader.rows(FoldRow)}
    first, second, third, fourth = (heights[number] for number in folds)
    assert first == second
    assert third == fourth > first
    shown = {button.row.number: button.geometry() for button in reader.view.viewport().findChildren(FoldButton)}
    assert {shown[number].height() for number in folds} == {first - 2}
