"""Numbers as digits of base64url (A-Z a-z 0-9 - _), the most significant first."""

from functools import lru_cache

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_VALUES = {ord(digit): value for value, digit in enumerate(DIGITS)}


@lru_cache(maxsize=1024)
def number_of(digits: str) -> int:
    """Return what digits stand for; raises KeyError for anything else."""
    return number_in(digits.encode())


@lru_cache(maxsize=1024)
def number_in(digits: bytes) -> int:
    """Return what digits in ASCII stand for; raises KeyError for anything else."""
    number = 0
    for digit in digits:
        number = number << 6 | _VALUES[digit]
    return number


@lru_cache(maxsize=1024)
def text_of(number: int, count: int) -> str:
    """Return the `count` last digits of a number."""
    return "".join([DIGITS[number >> shift & 63] for shift in range(6 * count - 6, -1, -6)])
