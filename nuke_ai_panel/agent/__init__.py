"""The conversation: what the model is told, what it answers, what becomes of its proposals."""
