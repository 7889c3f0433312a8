"""C2SP tlog-policy: which witnesses there are, and how many of them a checkpoint needs."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

from consentkit.errors import VerificationError
from consentkit.proof.note import COSIGNATURE, Verifier

_NOBODY = "none"


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness by its name in the policy; `url` is its submission prefix, where the policy says it."""

    name: str
    verifier: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """At least `least` of `members`, which are witnesses or groups."""

    least: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quorum:
    """The witnesses of a policy, its groups, and the name of what has to have cosigned (or `none`)."""

    name: str = _NOBODY
    witnesses: Mapping[str, Witness] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a policy, passing over the logs it names; VerificationError says what is wrong with it."""
        reading = _Reading()
        if any(c < " " and c not in "\t\n" for c in text):
            raise VerificationError("a witness policy has no control characters")
        for line in text.split("\n"):
            words = re.split(r"[ \t]+", line.strip(" \t"))
            if words != [""] and not words[0].startswith("#"):
                reading.take(words)
        if reading.quorum is None:
            raise VerificationError("a witness policy has a line `quorum`")
        return cls(reading.quorum, reading.witnesses, reading.groups)

    @property
    def verifiers(self) -> list[Verifier]:
        """The witnesses' keys."""
        return [witness.verifier for witness in self.witnesses.values()]

    @property
    def asked(self) -> bool:
        """True when a checkpoint needs cosignatures at all."""
        return self.name != _NOBODY

    def met(self, cosigners: Collection[Verifier]) -> bool:
        """True when these have cosigned enough."""
        return not self.asked or self._has(self.name, cosigners)

    def _has(self, name: str, cosigners: Collection[Verifier]) -> bool:
        if name in self.witnesses:
            return self.witnesses[name].verifier in cosigners
        group = self.groups[name]
        return sum(self._has(member, cosigners) for member in group.members) >= group.least

    @property
    def text(self) -> str:
        """The policy's lines, but for the logs."""
        lines = [f"witness {it.name} {it.verifier.vkey}" for it in self.witnesses.values()]
        lines += [f"group {name} {it.least} {' '.join(it.members)}" for name, it in self.groups.items()]
        return "".join(f"{line}\n" for line in [*lines, f"quorum {self.name}"])


NONE = Quorum()
"""No witnesses, and none asked for."""


class _Reading:
    """A policy's lines so far: each may name only what stands above it."""

    def __init__(self) -> None:
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._used: set[str] = set()

    def take(self, words: list[str]) -> None:
        match words:
            case ["log", _] | ["log", _, _]:
                pass
            case ["witness", name, vkey, *url] if len(url) < 2:
                self._witness(name, vkey, url[0] if url else None)
            case ["group", name, least, *members] if members:
                self._group(name, least, tuple(members))
            case ["quorum", name] if self.quorum is None and (name == _NOBODY or self._known(name)):
                self.quorum = name
            case _:
                raise VerificationError(f"a witness policy can't say {' '.join(words)[:80]!r}")

    def _known(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups

    def _new(self, name: str) -> None:
        if name == _NOBODY or self._known(name):
            raise VerificationError(f"a witness policy names {name[:80]!r} twice")

    def _witness(self, name: str, vkey: str, url: str | None) -> None:
        self._new(name)
        verifier = Verifier.parse(vkey, COSIGNATURE)
        if verifier.public in [it.verifier.public for it in self.witnesses.values()]:
            raise VerificationError(f"a witness policy names the key of {name[:80]!r} twice")
        self.witnesses[name] = Witness(name, verifier, url)

    def _group(self, name: str, least: str, members: tuple[str, ...]) -> None:
        self._new(name)
        for member in members:
            if not self._known(member) or member in self._used:
                raise VerificationError(f"a group can't have {member[:80]!r}: not named above, or in another")
            self._used.add(member)
        number = {"any": "1", "all": str(len(members))}.get(least, least)
        if not re.fullmatch("[1-9][0-9]{0,3}", number, re.ASCII) or int(number) > len(members):
            raise VerificationError(f"{name[:80]} can't have {least[:20]!r} of {len(members)} members")
        self.groups[name] = Group(int(number), members)
