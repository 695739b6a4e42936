"""A generated change as a unit of work: found in an answer, checked, tried on a copy, agreed to, applied as one undo step."""
