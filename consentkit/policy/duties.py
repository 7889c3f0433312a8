"""Where in the US a browser's signal has to be heeded, and since when: dated data with its sources (L24).

Sites heed it everywhere all the same (policy/signals.py): this tells whoever asks which law has them to.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

Mode = Literal["mandatory", "conditional", "disputed", "none"]

REVIEWED: Final = date(2026, 11, 22)


@dataclass(frozen=True, slots=True)
class Duty:
    """What a state's law says of a signal: how hard, from which day on (None for no duty), by which text.

    `conditional`: sent by an agent that a technology designates, and excused where residency can't be
    verified or no such request is honoured elsewhere. `disputed`: readers of the text differ. `state` is ISO
    3166-2 behind the country.
    """

    state: str
    since: date | None
    mode: Mode
    source: str


DUTIES: Final = (
    Duty("CA", date(2023, 1, 1), "mandatory", "California Civil Code, 1798.135; 11 CCR 7025"),
    Duty("CO", date(2024, 7, 1), "mandatory", "Colorado Privacy Act, the duty on universal opt-outs"),
    Duty("CT", date(2025, 1, 1), "mandatory", "Connecticut Data Privacy Act, the duty on opt-out signals"),
    Duty("MT", date(2025, 1, 1), "mandatory", "Montana Consumer Data Privacy Act"),
    Duty("NH", date(2025, 1, 1), "mandatory", "New Hampshire, the act on expectation of privacy"),
    Duty("NJ", date(2025, 7, 15), "mandatory", "New Jersey Data Privacy Act"),
    Duty("MN", date(2025, 7, 31), "mandatory", "Minnesota Consumer Data Privacy Act"),
    Duty("MD", date(2025, 10, 1), "mandatory", "Maryland Online Data Privacy Act"),
    Duty("DE", date(2026, 1, 1), "mandatory", "Delaware Personal Data Privacy Act"),
    Duty("OR", date(2026, 1, 1), "mandatory", "Oregon Consumer Privacy Act"),
    Duty("TX", date(2025, 1, 1), "conditional", "Texas Business and Commerce Code, 541.055(e)"),
    Duty("NE", date(2025, 1, 1), "conditional", "Nebraska Data Privacy Act"),
    Duty("LA", date(2027, 1, 1), "conditional", "Louisiana, its privacy act as enacted"),
    Duty("AL", date(2027, 5, 1), "disputed", "Alabama, its privacy act as enacted"),
    *(
        Duty(state, None, "none", "its privacy act has an opt-out and no word on signals")
        for state in ("OK", "VA", "UT", "IA", "IN", "TN", "KY")
    ),
)
"""The table of L24 as reviewed on REVIEWED; California's from the day that its amended text counts. Those of
CO, CT, MT, NJ and OR were seen as quoted by others, that of TX itself; the rest, as law firms report them."""


def duty(state: str, day: date) -> Mode:
    """Return what a US state's law asks of a signal on a day: `none` where no law is known, or not yet."""
    known = next((each for each in DUTIES if each.state == state), None)
    return known.mode if known is not None and known.since is not None and known.since <= day else "none"
