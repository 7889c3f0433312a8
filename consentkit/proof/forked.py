"""What a forked process begins anew: threads of its parent are gone, and what they had locked stays so."""

import os
from collections.abc import Callable
from weakref import WeakMethod


def anew(reset: Callable[[], None]) -> None:
    """Have a bound method called in every process that is forked from now on, before anything else is there.

    Whoever asks first would be too late: two threads of the new process may well ask at once. The method's
    object isn't kept for it.
    """
    found = WeakMethod(reset)
    os.register_at_fork(after_in_child=lambda: (there := found()) and there())
