"""The one kind of error that is shown to a user as plain text, without a traceback."""


class UserError(Exception):
    """A mistake the user can mend: the message names the file or key, what is wrong, the remedy."""
