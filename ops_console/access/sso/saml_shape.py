"""The one shape of a SAML response that is looked at further; every other is refused before a signature is.

Signature wrapping (XSW) lives on a document in which what is verified is not what is read. Here there is one assertion,
a child of the response, with one signature of its own that names just it, and nothing is written twice. So whoever
verifies that signature, and whoever reads "the assertion", mean the same element. Comments, which cut a text in two for
some readers, are gone when we get it: the parser drops them, before the signature is verified on what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ops_console.access.sso.refusals import NotLetIn

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
SIGNATURES = frozenset(
    f"http://www.w3.org/2001/04/xmldsig-more#{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)
)
DIGESTS = frozenset(
    {
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)
MOST_ELEMENTS = 2000
# Of one element. To canonicalize them takes time that grows with their square, and comes before any signature.
MOST_ATTRIBUTES = 50
IDS = frozenset({"id", "{http://www.w3.org/XML/1998/namespace}id"})


def the_assertion(response: Any) -> Any:
    """The one assertion of a response, an lxml element.

    Raises:
        NotLetIn: the response has another shape.
    """
    elements = list(response.iter())
    if len(elements) > MOST_ELEMENTS or any(len(element.attrib) > MOST_ATTRIBUTES for element in elements):
        raise NotLetIn("saml_too_long")
    if response.tag != f"{SAMLP}Response" or response.getparent() is not None:
        raise NotLetIn("saml_no_response")
    named = [element for element in elements if _name(element) in ("Assertion", "EncryptedAssertion")]
    if len(named) != 1 or named[0].tag != f"{SAML}Assertion" or named[0].getparent() is not response:
        raise NotLetIn("saml_assertions")
    _check_ids(elements)
    _check_signatures(response, named[0], elements)
    return named[0]


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _check_ids(elements: list[Any]) -> None:
    """No two elements share an id, by whatever attribute it is one."""
    ids = Counter(value for element in elements for name, value in element.items() if name.lower() in IDS)
    if any(count > 1 for count in ids.values()):
        raise NotLetIn("saml_id_twice")


def _check_signatures(response: Any, assertion: Any, elements: list[Any]) -> None:
    signatures = [element for element in elements if _name(element) == "Signature"]
    holders = [signature.getparent() for signature in signatures]
    if holders.count(assertion) != 1:
        raise NotLetIn("saml_assertion_unsigned")
    if holders.count(response) > 1 or len(holders) != 1 + holders.count(response):
        raise NotLetIn("saml_signatures")
    for signature, holder in zip(signatures, holders, strict=True):
        _check_signature(signature, holder)


def _check_signature(signature: Any, holder: Any) -> None:
    """It signs the element it stands in, whole, by algorithms that hold."""
    infos = signature.findall(f"{DS}SignedInfo")
    references = list(signature.iter(f"{DS}Reference"))
    if signature.tag != f"{DS}Signature" or len(infos) != 1 or len(references) != 1:
        raise NotLetIn("saml_references")
    reference = references[0]
    if reference.getparent() is not infos[0] or signature.find(f".//{DS}Object") is not None:
        raise NotLetIn("saml_references")
    if not holder.get("ID") or reference.get("URI") != f"#{holder.get('ID')}":
        raise NotLetIn("saml_reference_elsewhere")
    transforms = list(_algorithms(reference, "Transforms/Transform"))
    # Exactly these: an XPath transform would leave out what it likes.
    if ENVELOPED not in transforms or len(transforms) > 2 or not {*transforms} <= {ENVELOPED, C14N}:
        raise NotLetIn("saml_transforms")
    if list(_algorithms(infos[0], "CanonicalizationMethod")) != [C14N]:
        raise NotLetIn("saml_canonicalization")
    for path, holds, where in (("SignatureMethod", SIGNATURES, infos[0]), ("DigestMethod", DIGESTS, reference)):
        found = list(_algorithms(where, path))
        if len(found) != 1 or found[0] not in holds:
            raise NotLetIn("saml_algorithm")


def _algorithms(element: Any, path: str) -> Iterator[str]:
    for found in element.findall("/".join(f"{DS}{step}" for step in path.split("/"))):
        yield found.get("Algorithm", "")
