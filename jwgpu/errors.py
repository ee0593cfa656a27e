"""The error of bad input: the user can mend it, and the message says how."""


class InputError(ValueError):
    """A file, a reference, a parameter or a folder that cannot be used.

    The message is one paragraph that names the file, what is wrong with it and the remedy. The command line prints
    it without a traceback and exits with status 2.
    """
