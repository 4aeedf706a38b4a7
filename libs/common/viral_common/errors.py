"""The domain's exceptions. Each is translated once, at the edge: a command line, an HTTP reply, an inbox row."""


class ViralError(Exception):
    """Base of every error this product raises on purpose; its text is one line that says what to do."""


class UsageError(ViralError):
    """A person asked for something that cannot be done; commands print it and exit with 2."""


class Unusable(ViralError):
    """An event that no retry can help: it becomes a dead letter at once."""


class NotYet(ViralError):
    """An event that must wait for another one; tried again soon and not counted as a failure."""


class ServerAway(NotYet):
    """A server that is needed does not answer; tried again until it does, never counted as a failure."""


class ArtefactError(ViralError):
    """A model artefact that is damaged, incomplete or not what its digest promises."""


class RegistryUnavailable(ServerAway):
    """MLflow does not answer, or answers with a failure of its own."""


def summarise_error(error: BaseException) -> str:
    """What another library's error says, for use within one of ours."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
