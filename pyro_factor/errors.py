"""The one error a user can cause: bad input."""


class InputError(ValueError):
    """Bad input: names the argument, what was given and what to do.

    The command line prints the message alone and exits with code 2.
    """


def require(condition: bool, argument: str, given: object, advice: str) -> None:
    """Raise `InputError` unless `condition` holds.

    Args:
        condition: What must hold.
        argument: The argument's name, as the user wrote it.
        given: What was given.
        advice: What to do instead.

    Raises:
        InputError: `condition` is false.
    """
    if not condition:
        raise InputError(f"{argument}: got {given!r}; {advice}")
