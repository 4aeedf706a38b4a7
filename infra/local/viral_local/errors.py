"""Name what can go wrong while a stack starts."""

from viral_common.errors import ViralError


class StackError(ViralError):
    """Report that a part of the stack is missing or does not start; the text is one line that says what to do."""
