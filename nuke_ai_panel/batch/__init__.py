"""Many requests through exactly the pipeline of one: results in the input's order, failures as records in their place."""

from nuke_ai_panel.batch.records import BatchProgress, BatchRecord
from nuke_ai_panel.batch.running import acompletions, acompletions_as_finished, run_batch

__all__ = ["BatchProgress", "BatchRecord", "acompletions", "acompletions_as_finished", "run_batch"]
