"""A queue of questions to models behind HTTP on loopback, whose answers any front end can follow and come back to."""

from nuke_ai_panel.serve.event_log import EventLog, LogEvent
from nuke_ai_panel.serve.server import TaskServer
from nuke_ai_panel.serve.tasks import Answer, Limits, ServedTask, TaskQueue

__all__ = ["Answer", "EventLog", "Limits", "LogEvent", "ServedTask", "TaskQueue", "TaskServer"]
