"""Menu and pane of Nuke AI Panel. Nuke runs this file only in sessions with a window, after every ``init.py``.

Nothing of the panel's is imported here: each command imports what it needs when it is first chosen, and the pane when it is
first shown. Nuke runs all start-up scripts in one namespace (``__main__``), so what is defined here may be overwritten by
another plug-in's file; the commands therefore hold on to nothing global.
"""


def _install_nuke_ai_panel() -> None:
    import nuke
    import nukescripts

    def command(function: str, *arguments: str) -> object:
        def run() -> None:
            import importlib
            import traceback

            module = "nuke_panel" if function == "show_panel" else "nuke_commands"
            try:
                getattr(importlib.import_module(f"nuke_ai_panel_ui.{module}"), function)(*arguments)
            except Exception as error:  # noqa: BLE001 - the top of a menu command
                traceback.print_exc()
                nuke.message(f"Nuke AI Panel could not do this: {error}\n\nThe Script Editor shows the details.")

        run.__name__ = function
        return run

    def heads(folder: str, ending: str) -> list:
        """Return path and first lines of the files in a folder, without a file that cannot be read."""
        import os

        found = []
        for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if file.endswith(ending) and not file.startswith((".", "_")):
                try:
                    with open(os.path.join(folder, file), encoding="utf-8", errors="replace") as stream:
                        found.append((os.path.join(folder, file), stream.read(2000).splitlines()[:12]))
                except OSError as error:
                    print(f"Nuke AI Panel leaves out {file}: {error}")  # noqa: T201
        return found

    def prompts() -> list:
        """Return name and title of the shipped prompts. What an artist or a studio adds is in All prompts."""
        import os

        found = []
        for path, lines in heads(os.path.join(os.path.dirname(os.path.abspath(__file__)), "resources", "prompts"), ".md"):
            name = os.path.splitext(os.path.basename(path))[0]
            first = lines[0] if lines else ""
            found.append((name, first[6:].strip() if first.startswith("title:") else name.replace("_", " ").capitalize()))
        return sorted(found, key=lambda each: each[1])

    def tools() -> list:
        """Return path, title, shortcut and kind of the tools that the artist has saved."""
        import os

        # What nuke_ai_panel.settings.config_folder says, written out: nothing of the panel's is imported at the start.
        folder = os.environ.get("NUKE_AI_PANEL_CONFIG_DIR") or ""
        if not folder and os.name == "nt":
            folder = os.path.join(os.environ.get("APPDATA") or os.path.expanduser("~/AppData/Roaming"), "nuke-ai-panel")
        elif not folder and os.uname().sysname == "Darwin":
            folder = os.path.expanduser("~/Library/Application Support/nuke-ai-panel")
        elif not folder:
            folder = os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "nuke-ai-panel")
        found = []
        for path, lines in heads(os.path.join(folder, "tools"), ""):
            said = {}
            for line in lines:
                name, colon, value = line.lstrip("#/ ").partition(":")
                if colon and line.startswith(("#", "//")):
                    said.setdefault(name, value.strip())
            title = said.get("Title") or os.path.splitext(os.path.basename(path))[0].replace("_", " ")
            found.append((path, title, said.get("Shortcut", ""), said.get("Kind", "")))
        return sorted(found, key=lambda each: each[1].lower())

    def set_up(path: str) -> None:
        """Run what the artist has saved to be set up at every start; what fails is told and stops nothing."""
        import traceback

        try:
            with open(path, encoding="utf-8") as stream:
                code = compile(stream.read(), path, "exec")
            exec(code, {"__name__": "nuke_ai_panel_tool", "__file__": path, "nuke": nuke})  # noqa: S102 - saved for this
        except Exception:  # noqa: BLE001 - one tool must not cost the session its menus
            print(f"Nuke AI Panel could not set up the tool {path}:")  # noqa: T201
            traceback.print_exc()

    # Nuke evaluates the text in __main__, when the pane is built or a workspace restored; nothing needs to be imported there
    # before. The id is written into workspaces and scripts: it is never changed.
    nukescripts.panels.registerWidgetAsPanel(
        "__import__('nuke_ai_panel_ui.nuke_panel', fromlist=['NukePanel']).NukePanel", "AI Panel", "uk.nukeaipanel.panel"
    )
    menu = nuke.menu("Nuke").addMenu("AI")
    menu.addCommand("Show panel", command("show_panel"))
    menu.addSeparator()
    menu.addCommand("Generate script\u2026", command("use_prompt", "generate_script"))
    menu.addCommand("Generate expression\u2026", command("use_prompt", "generate_expression"))
    menu.addCommand("Generate BlinkScript\u2026", command("use_prompt", "generate_blink"))
    menu.addCommand("Make gizmo from selection\u2026", command("use_prompt", "make_gizmo"))
    menu.addSeparator()
    menu.addCommand("Explain selected nodes", command("use_prompt", "explain_selected"))
    menu.addCommand("Explain this error\u2026", command("explain_error"))
    menu.addCommand("Fix last error", command("fix_last_error"))
    menu.addCommand("Document this script", command("use_prompt", "document_script"))
    library = menu.addMenu("Prompt library")
    for name, title in prompts():
        library.addCommand(title, command("use_prompt", name))
    library.addSeparator()
    library.addCommand("All prompts\u2026", command("prompt_library"))
    shelf = menu.addMenu("My tools")
    for path, title, shortcut, kind in tools():
        if kind == "tool":
            set_up(path)
        else:
            shelf.addCommand(title, command("run_tool", path), shortcut)
    # Where the studio's tools lie is a setting, which nothing reads while Nuke starts.
    shelf.addSeparator()
    shelf.addCommand("All tools\u2026", command("tool_library"))
    menu.addSeparator()
    menu.addCommand("Index this Nuke\u2026", command("index_nuke"))
    menu.addCommand("Settings\u2026", command("open_settings"))
    # What this menu holds is shown when a knob is right-clicked.
    knob_menu = nuke.menu("Animation")
    if knob_menu is not None:
        knob_menu.addCommand("AI/Generate expression for this knob\u2026", command("generate_expression"))


try:
    _install_nuke_ai_panel()
except Exception:  # noqa: BLE001 - an exception here would stop the start-up scripts that come after it
    import traceback

    print("Nuke AI Panel could not add its menu:")  # noqa: T201 - where Nuke's own start-up messages go
    traceback.print_exc()
finally:
    del _install_nuke_ai_panel
