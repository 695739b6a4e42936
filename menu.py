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

    def prompts() -> list:
        """Return name and title of the shipped prompts: the first line of each file. What a studio adds is in All prompts."""
        import os

        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resources", "prompts")
        found = []
        for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            name, ending = os.path.splitext(file)
            if ending == ".md":
                with open(os.path.join(folder, file), encoding="utf-8") as stream:
                    head = stream.readline().strip()
                found.append((name, head[6:].strip() if head.startswith("title:") else name.replace("_", " ").capitalize()))
        return sorted(found, key=lambda each: each[1])

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
