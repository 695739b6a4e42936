"""Colours and sizes of the panel, taken from the host's palette.

Nothing here paints. :class:`Theme` is a plain value: colours are ``#rrggbb`` strings, so they go into style sheets, HTML and
``QColor(...)`` alike, and two themes can be compared to see whether a palette change matters.
"""

from __future__ import annotations

from dataclasses import dataclass

from nuke_ai_panel_ui.qt import QtGui

__all__ = ["NUKE_ORANGE", "READABLE", "Theme", "contrast", "nuke_palette", "style_sheet"]

#: The contrast that text of this size needs (WCAG 2.1, level AA).
READABLE = 4.5

#: Nuke's own highlight colour, used where the host's palette has no colour that stands out.
NUKE_ORANGE = "#f7931e"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mix(under: str, over: str, share: float) -> str:
    """Return `under` with `share` (0 to 1) of `over` laid on it."""
    mixed = (round(a + (b - a) * share) for a, b in zip(_rgb(under), _rgb(over)))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _rgb(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Return the WCAG contrast ratio of two colours, from 1 (same) to 21 (black on white)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _readable(ink: str, text: str, *grounds: str) -> str:
    """Return `ink`, moved towards `text` as far as it takes to be read on every one of `grounds`."""
    for step in range(21):
        mixed = _mix(ink, text, step / 20)
        if all(contrast(mixed, ground) >= READABLE for ground in grounds):
            return mixed
    return text


def _selection(background: str, accent: str, text: str) -> str:
    """Return as much of `accent` on `background` as leaves `text` readable on it."""
    mixed = (_mix(background, accent, share) for share in (0.45, 0.4, 0.35, 0.3, 0.25))
    return next((colour for colour in mixed if contrast(text, colour) >= READABLE), background)


def _mono_family() -> str:
    # Qt 5 answers the system's fixed font with a proportional one where no desktop settings exist, so known names come first.
    for family in ("DejaVu Sans Mono", "Menlo", "Consolas", "Liberation Mono", "Courier New"):
        if QtGui.QFontInfo(QtGui.QFont(family)).family().startswith(family):
            return family
    return str(QtGui.QFontDatabase.systemFont(QtGui.QFontDatabase.SystemFont.FixedFont).family())


@dataclass(frozen=True)
class Theme:
    """Name every colour the panel paints with; ``#rrggbb`` strings, sizes in pixels."""

    background: str
    panel: str
    field: str
    text: str
    dim: str
    accent: str
    accent_text: str
    on_accent: str
    button: str
    code_background: str
    code_header: str
    inline_code: str
    inline_code_background: str
    user_band: str
    line: str
    handle: str
    link: str
    error: str
    warning: str
    ok: str
    selection: str
    syntax_keyword: str
    syntax_string: str
    syntax_number: str
    syntax_comment: str
    syntax_call: str
    font_px: int
    font_family: str
    mono_family: str

    @classmethod
    def from_palette(cls, palette: QtGui.QPalette, font: QtGui.QFont) -> Theme:
        """Return the theme that fits a host's `palette` and `font`; needs a QGuiApplication."""

        def colour(role: QtGui.QPalette.ColorRole) -> str:
            return str(palette.color(QtGui.QPalette.ColorGroup.Active, role).name())

        roles = QtGui.QPalette.ColorRole
        background, text = colour(roles.Window), colour(roles.WindowText)
        dark = _luminance(background) < _luminance(text)
        accent = colour(roles.Highlight)
        if contrast(accent, background) < 2.5:
            accent = NUKE_ORANGE if dark else "#b45f06"
        panel = _mix(background, "#000000", 0.14 if dark else 0.04)
        field = colour(roles.Base)
        user_band = _mix(background, text, 0.066)
        code_background = _mix(background, "#000000", 0.24 if dark else 0.05)
        code_header = _mix(code_background, text, 0.05)
        inline_code_background = _mix(background, accent, 0.07)
        # The pole and not the text's own grey, which is itself little to go by on a middle grey.
        pole = "#ffffff" if dark else "#000000"

        def on_cards(ink: str) -> str:
            return _readable(ink, pole, background, panel, user_band)

        def in_code(ink: str) -> str:
            return _readable(ink, pole, code_background)

        link = colour(roles.Link)
        if contrast(link, background) < 4.0:
            link = _mix(accent, text, 0.25)
        info = QtGui.QFontInfo(font)
        return cls(
            background=background,
            panel=panel,
            field=field,
            text=text,
            dim=_readable(_mix(background, text, 0.63), text, background, panel, user_band, code_header, field),
            accent=accent,
            accent_text=on_cards(accent),
            on_accent=max(("#1e1e1e", "#ffffff"), key=lambda ink: contrast(ink, accent)),
            button=_mix(background, text, 0.115),
            code_background=code_background,
            code_header=code_header,
            inline_code=_readable(
                _mix(accent, text, 0.6) if dark else _mix(text, accent, 0.45), pole, inline_code_background, user_band
            ),
            inline_code_background=inline_code_background,
            user_band=user_band,
            line=_mix(background, text, 0.145),
            handle=_mix(background, text, 0.27),
            link=on_cards(link),
            error=on_cards("#ff7b72" if dark else "#b3261e"),
            warning=on_cards("#f0a04b" if dark else "#8a5200"),
            ok=on_cards("#7fb069" if dark else "#3c7a2a"),
            selection=_selection(background, accent, text),
            syntax_keyword=in_code(_mix(accent, text, 0.25)),
            syntax_string=in_code("#a5c261" if dark else "#41700f"),
            syntax_number=in_code("#8fb7d8" if dark else "#20588a"),
            syntax_comment=in_code(_mix(code_background, text, 0.5)),
            syntax_call=in_code("#dcc98a" if dark else "#735c0f"),
            font_px=max(8, info.pixelSize()),
            font_family=info.family(),
            mono_family=_mono_family(),
        )


def nuke_palette() -> QtGui.QPalette:
    """Return a dark palette in Nuke's manner for the panel's own window; inside Nuke the host's palette is used."""
    roles = QtGui.QPalette.ColorRole
    palette = QtGui.QPalette()
    for role, colour in (
        (roles.Window, "#323232"),
        (roles.WindowText, "#d8d8d8"),
        (roles.Base, "#272727"),
        (roles.AlternateBase, "#2e2e2e"),
        (roles.Text, "#d8d8d8"),
        (roles.Button, "#3c3c3c"),
        (roles.ButtonText, "#d8d8d8"),
        (roles.BrightText, "#ffffff"),
        (roles.Highlight, NUKE_ORANGE),
        (roles.HighlightedText, "#1e1e1e"),
        (roles.ToolTipBase, "#2a2a2a"),
        (roles.ToolTipText, "#d8d8d8"),
        (roles.PlaceholderText, "#949494"),
        (roles.Link, "#f7a94a"),
        (roles.Light, "#4a4a4a"),
        (roles.Midlight, "#444444"),
        (roles.Mid, "#2a2a2a"),
        (roles.Dark, "#232323"),
        (roles.Shadow, "#141414"),
    ):
        palette.setColor(role, QtGui.QColor(colour))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        palette.setColor(QtGui.QPalette.ColorGroup.Disabled, role, QtGui.QColor("#7a7a7a"))
    return palette


def style_sheet(theme: Theme) -> str:
    """Return the style sheet of the whole panel. Set it once on the top widget: polishing costs tens of milliseconds."""
    hover = _mix(theme.button, theme.text, 0.1)
    press = _mix(theme.button, "#000000", 0.15)
    edge = _mix(theme.background, theme.text, 0.22)
    danger = _mix(theme.background, theme.error, 0.3)
    disabled = _mix(theme.background, theme.text, 0.35)
    return f"""
QToolButton {{ border: 1px solid transparent; padding: 2px 6px; border-radius: 3px; color: {theme.text};
    background: transparent; }}
QToolButton:hover {{ background: {hover}; }}
QToolButton:pressed, QToolButton:checked {{ background: {press}; }}
QToolButton:focus {{ border-color: {theme.accent}; }}
QToolButton:disabled {{ color: {disabled}; }}
QToolButton::menu-indicator {{ image: none; width: 0; }}
QToolButton#fold {{ color: {theme.dim}; padding: 1px 4px; }}
QToolButton#fold:hover {{ color: {theme.text}; background: transparent; }}
QToolButton#pill {{ background: {theme.button}; border: 1px solid {edge}; border-radius: 10px; padding: 3px 10px; }}
QToolButton#pill:hover {{ background: {hover}; }}
QToolButton#pill:focus {{ border-color: {theme.accent}; }}
QPushButton {{ background: {theme.button}; border: 1px solid {edge}; border-radius: 3px; padding: 4px 10px;
    color: {theme.text}; }}
QPushButton:hover {{ background: {hover}; }}
QPushButton:pressed {{ background: {press}; }}
QPushButton:focus {{ border-color: {theme.accent}; }}
QPushButton:disabled {{ color: {disabled}; background: {theme.background}; }}
QPushButton#primary {{ background: {theme.accent}; border-color: {theme.accent}; color: {theme.on_accent};
    font-weight: 600; }}
QPushButton#primary:hover {{ background: {_mix(theme.accent, "#ffffff", 0.15)}; }}
QPushButton#primary:pressed {{ background: {_mix(theme.accent, "#000000", 0.12)}; }}
QPushButton#primary:focus {{ border-color: {theme.text}; }}
QPushButton#primary:disabled {{ background: {_mix(theme.background, theme.accent, 0.3)}; border-color: transparent;
    color: {disabled}; }}
QPushButton#stop {{ background: {danger}; border-color: {theme.error}; color: {theme.text}; }}
QPushButton#stop:hover {{ background: {_mix(danger, theme.error, 0.25)}; }}
QPushButton#stop:focus {{ border-color: {theme.text}; }}
QPushButton#stop:disabled {{ background: {theme.background}; border-color: {theme.line}; color: {disabled}; }}
QFrame#composer {{ background: {theme.field}; border: 1px solid {theme.line}; border-radius: 6px; }}
QFrame#composer[focus="true"] {{ border-color: {theme.accent}; }}
QPlainTextEdit#prompt {{ background: transparent; border: none; color: {theme.text}; }}
QPushButton#quiet {{ background: transparent; border-color: transparent; color: {theme.dim}; padding: 4px 6px; }}
QPushButton#quiet:hover {{ background: {hover}; color: {theme.text}; }}
QPushButton#quiet:focus {{ border-color: {theme.accent}; color: {theme.text}; }}
QPushButton::menu-indicator {{ image: none; width: 0; }}
QFrame#card {{ background: {theme.panel}; border: 1px solid {theme.line}; border-radius: 4px;
    border-left: 3px solid {theme.handle}; border-top-left-radius: 0; border-bottom-left-radius: 0; }}
QFrame#card[kind="ask"] {{ border-left-color: {theme.accent}; }}
QFrame#card[kind="error"] {{ border-left-color: {theme.error}; }}
QFrame#card[kind="done"] {{ border-left-color: {theme.ok}; }}
QFrame#chip {{ background: {theme.user_band}; border: 1px solid {edge}; border-radius: 8px; }}
QLabel#dim {{ color: {theme.dim}; }}
QScrollBar:vertical {{ background: {theme.panel}; width: 10px; margin: 0; border: none; }}
QScrollBar:horizontal {{ background: {theme.panel}; height: 10px; margin: 0; border: none; }}
QScrollBar::handle {{ background: {theme.handle}; border-radius: 4px; margin: 1px; }}
QScrollBar::handle:disabled {{ background: transparent; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::handle:hover {{ background: {_mix(theme.handle, theme.text, 0.2)}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; border: none; background: none; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: none; }}
"""
