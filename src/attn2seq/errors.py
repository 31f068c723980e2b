"""What ends a command in plain words, without a traceback."""


class UserError(Exception):
    """A mistake the user can mend: the message names the file or key, what is wrong, the remedy."""


class StoppedError(Exception):
    """Work that was told to stop and can go on later; `status` is what the process ends with."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status
