"""Fonts, measures and colours of one transcript, computed once per theme and font size."""

from __future__ import annotations

from nuke_ai_panel_ui.qt import QtGui
from nuke_ai_panel_ui.theme import Theme

__all__ = ["COLUMN_LIMIT", "MARGIN", "Look"]

#: Pixels left and right of the text column, and the widest the column becomes: longer lines are hard to read.
MARGIN = 12
COLUMN_LIMIT = 720


class Look:
    """What rows need to lay themselves out and paint; a new one replaces it when the theme or the size changes."""

    def __init__(self, theme: Theme, pixels: int) -> None:
        self.theme = theme
        self.pixels = pixels
        self.font = QtGui.QFont(theme.font_family)
        self.font.setPixelSize(pixels)
        self.bold = QtGui.QFont(self.font)
        self.bold.setBold(True)
        self.bold.setPixelSize(max(8, pixels - 1))
        self.small = QtGui.QFont(self.font)
        self.small.setPixelSize(max(8, pixels - 2))
        self.mono = QtGui.QFont(theme.mono_family)
        self.mono.setStyleHint(QtGui.QFont.StyleHint.Monospace)
        self.mono.setPixelSize(max(8, pixels - 1))
        metrics = QtGui.QFontMetricsF(self.font)
        self.list_indent = int(pixels * 1.6)
        self.line_height = metrics.lineSpacing()
        self.char_width = metrics.averageCharWidth() or pixels / 2
        self.mono_char_width = QtGui.QFontMetricsF(self.mono).averageCharWidth()
        self.head_height = int(metrics.height()) + 12
        self.bar_height = int(metrics.height()) + 9
        self.fold_height = int(metrics.height()) + 6
        self.mono_line_height = self._measure_code_line()
        self.syntax = {
            "keyword": theme.syntax_keyword,
            "string": theme.syntax_string,
            "number": theme.syntax_number,
            "comment": theme.syntax_comment,
            "call": theme.syntax_call,
        }
        self._colours: dict[str, QtGui.QColor] = {}

    def colour(self, name: str) -> QtGui.QColor:
        """Return the theme's colour called `name`."""
        found = self._colours.get(name)
        if found is None:
            found = self._colours[name] = QtGui.QColor(getattr(self.theme, name))
        return found

    def text_document(self, *, dim: bool = False) -> QtGui.QTextDocument:
        """Return an empty document for rendered Markdown."""
        document = self._document(self.font)
        document.setIndentWidth(self.list_indent)
        document.setDefaultStyleSheet(self._css(self.theme.dim if dim else self.theme.text))
        return document

    def code_document(self) -> QtGui.QTextDocument:
        """Return an empty document for code, without line wrapping and with tab stops of four columns."""
        document = self._document(self.mono)
        option = QtGui.QTextOption()
        option.setWrapMode(QtGui.QTextOption.WrapMode.NoWrap)
        option.setTabStopDistance(4 * self.mono_char_width)
        document.setDefaultTextOption(option)
        return document

    @staticmethod
    def _document(font: QtGui.QFont) -> QtGui.QTextDocument:
        document = QtGui.QTextDocument()
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(0)
        document.setDefaultFont(font)
        return document

    def _measure_code_line(self) -> float:
        # Qt 5 rounds the height of every line up, so the font's line spacing is short by a pixel in 15: the last line was cut.
        document = self._document(self.mono)
        document.setPlainText("\n".join("x" * 100))
        return float(document.size().height()) / 100

    def _css(self, text: str) -> str:
        theme, px = self.theme, self.pixels
        return (
            f"body {{ color: {text}; }} a {{ color: {theme.link}; text-decoration: none; }}"
            f" code {{ font-family: '{theme.mono_family}'; font-size: {px - 1}px; color: {theme.inline_code};"
            f" background-color: {theme.inline_code_background}; }}"
            f" pre {{ white-space: pre-wrap; font-family: '{theme.mono_family}'; font-size: {px - 1}px; margin: 2px 0; }}"
            f" .h1 {{ font-size: {px + 5}px; font-weight: 600; }} .h2 {{ font-size: {px + 3}px; font-weight: 600; }}"
            f" .h3 {{ font-size: {px + 1}px; font-weight: 600; }} .h4, .h5, .h6 {{ font-size: {px}px; font-weight: 600; }}"
            f" p {{ margin: 0; }} ul, ol {{ margin: 0; }} li {{ margin: 2px 0 2px 0; }}"
            f" blockquote {{ color: {theme.dim}; margin: 0 0 0 12px; }}"
            f" table {{ border-collapse: collapse; border-color: {theme.line}; }}"
            f" th {{ background-color: {theme.code_header}; padding: 3px 7px; }} td {{ padding: 3px 7px; }}"
        )
