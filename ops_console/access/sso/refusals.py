"""Why a provider's word lets nobody in."""

from __future__ import annotations

from enum import StrEnum


class Told(StrEnum):
    """What the person is told; the value stands in the address of the page that tells it."""

    BEGIN_AGAIN = "begin-again"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    NOT_COUNTED = "not-counted"
    OTHER_ADDRESS = "other-address"
    UNVERIFIED = "unverified"
    NO_MEMBER = "no-member"


SENTENCES: dict[str, str] = {
    Told.BEGIN_AGAIN: "This sign-in was begun too long ago, in another browser, or was finished already. Begin again.",
    Told.DENIED: "Your identity provider did not let you in.",
    Told.UNREACHABLE: "Your identity provider cannot be reached. Try again in a moment.",
    Told.NOT_COUNTED: "What your identity provider answered does not count here. Tell your administrator.",
    Told.OTHER_ADDRESS: "Your identity provider knows you by an address that is not of its domain.",
    Told.UNVERIFIED: "Your identity provider has not verified your e-mail address.",
    Told.NO_MEMBER: "You are no longer a member of this organization.",
}


def sentence(told: str) -> str:
    """The sentence for a value of ``Told``; empty for any other text."""
    return SENTENCES.get(told, "")


class NotLetIn(Exception):
    """The provider's word does not count. ``reason`` is for the log: a short code, without what the provider said."""

    def __init__(self, reason: str, told: Told = Told.NOT_COUNTED) -> None:
        super().__init__(reason)
        self.reason = reason
        self.told = told
        # Where the browser wanted to go: it may begin again with that. May be anything; the face takes paths of ours.
        self.return_to = ""
