"""What scripts can see of the calls that the guard stands before, as one function that a page runs."""

from pathlib import Path

NATIVE = (Path(__file__).parent / "native.js").read_text("utf-8").partition("\n")[2]
