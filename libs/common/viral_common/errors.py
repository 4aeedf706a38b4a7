"""Define the domain's exceptions. Each is translated once, at the edge: a command line, an HTTP reply, an inbox row."""


class ViralError(Exception):
    """Be the base of every error this product raises on purpose; its text is one line that says what to do."""


class UsageError(ViralError):
    """Refuse what a person asked for and cannot be done; commands print it and exit with 2."""


class Unusable(ViralError):
    """Give an event up at once as a dead letter, for no retry can help it."""


class NotYet(ViralError):
    """Let an event wait for another one: it is tried again soon, and that counts as no failure."""


class ServerAway(NotYet):
    """Report that a server does not answer; the event is tried again until it does, and that counts as no failure."""


class ChildFailed(ViralError):
    """Report that work in a process of its own ended without a result."""


class ArtefactError(ViralError):
    """Refuse a model artefact that is damaged, incomplete or not what its digest promises."""


class OtherFeaturesError(ArtefactError):
    """Refuse an artefact made for other features than this version computes: sound, but for another version."""


class SignatureError(ArtefactError):
    """Refuse an artefact or a promotion that no trusted key signed."""


class SignersUnreadable(NotYet):
    """Report that the file of trusted signers is missing or damaged: no fault of what is to be checked."""


class RegistryUnavailable(ServerAway):
    """Report that MLflow does not answer, or answers with a failure of its own."""


def summarise_error(error: BaseException) -> str:
    """Shorten another library's error to its first line, for use within one of ours."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
