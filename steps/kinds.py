"""The types of answers: sizes, names, devices, addresses; each parses, shows and has a schema.

A parsed value is a plain typed one (int MiB, str, bool, tuple), which steps use as it is.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from steps.check_names import CHECK_NAMES
from steps.credentials import HASH, KEY_LINE, hash_trouble, key_trouble
from wizard.questions import CHARACTER, REFERENCES, Kind, is_reference

T = TypeVar("T")

# Digits are bounded: a float of more is inexact, or infinite.
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([MGT]?)(i?B?)", re.IGNORECASE | re.ASCII)
_SIZE_PATTERN = r"^\s*[0-9]{1,12}(\.[0-9]{1,6})?\s*[MGTmgt]([iI][bB]?)?\s*$"
_UNITS = {"": 1, "M": 1, "G": 1024, "T": 1024 * 1024}
_DECIMAL_UNITS = {"M": 10**6, "G": 10**9, "T": 10**12}
_MIB = 1024 * 1024
_SHARE = re.compile(r"([1-9][0-9]?|100)%([Ff][Rr][Ee][Ee])")
_HOW_A_SIZE_IS_WRITTEN = "Write a size with its unit, such as 512MiB or 2GiB."
# LVM's own rule (lvm(8), VALID NAMES), without the names that it keeps for itself.
_LVM_NAME = re.compile(r"[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,126}")
# A guest's name is its host name: one label of RFC 1123, lower case as Debian wants it.
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Linux: IFNAMSIZ is 16 with the final NUL; no slash, no white space, no colon (alias).
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_RELEASE = re.compile(r"[a-z][a-z0-9-]*")
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"({_OCTET}\.){{3}}{_OCTET}"
_URL = re.compile(
    r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~%/+-]*)?|file:///[A-Za-z0-9._~%/+-]*"
)


class Share(int):
    """A percentage of what is free somewhere: `on_machine` of its question makes a size of it."""


def size(minimum: int = 1) -> Kind[int]:
    """A size in MiB, written 512MiB, 2GiB, 2G (also 1024 based, as LVM reads it) or 2048M."""

    def parse(value: object) -> int:
        text = str(value).strip()
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(_HOW_A_SIZE_IS_WRITTEN)
        found = _SIZE.fullmatch(text)
        if found is None:
            raise ValueError(_why_no_size(text))
        if not found[2]:
            raise ValueError(f"{text} what: {found[1]}MiB or {found[1]}GiB?")
        mib = float(found[1]) * _UNITS[found[2].upper()]
        if found[3] in {"B", "b"}:
            binary = f"{found[1]}{found[2].upper()}iB"
            decimal = float(found[1]) * _DECIMAL_UNITS[found[2].upper()] / _MIB
            raise ValueError(
                f"{text} can mean {decimal:.0f}MiB (1000 based) or {binary} (1024 based): "
                "write the one you mean."
            )
        if mib != int(mib):
            raise ValueError("That is no whole number of MiB.")
        if mib < minimum:
            raise ValueError("It is too small.")
        if mib > 1024 * 1024 * 1024:
            raise ValueError("That is more than a pebibyte.")
        return int(mib)

    name = f"a size of at least {show_size(minimum)}" if minimum > 1 else "a size"
    return Kind(name, parse, show_size, {"type": "string", "pattern": _SIZE_PATTERN})


def _why_no_size(text: str) -> str:
    if re.fullmatch(r"[0-9]+,[0-9]+\s*[A-Za-z]+", text):
        return f"Write a point in the number: {text.replace(',', '.')}."
    if "%" in text:
        return f"A share cannot be given here. {_HOW_A_SIZE_IS_WRITTEN}"
    return _HOW_A_SIZE_IS_WRITTEN


def show_size(mib: int) -> str:
    """A size in MiB as people write it: 2GiB where that is exact, else 1500MiB."""
    return f"{mib // 1024}GiB" if mib and mib % 1024 == 0 else f"{mib}MiB"


def round_size(mib: int, *, up: bool = False) -> str:
    """A size to be read, not typed: from 10 GiB on in GiB, to a tenth below (or above) it."""
    if mib < 10 * 1024 or mib % 1024 == 0:
        return show_size(mib)
    tenths = -(-mib * 10 // 1024) if up else mib * 10 // 1024
    return f"{tenths / 10:g}GiB"


def size_to_read(mib: int, *, up: bool = False) -> str:
    """A size that nobody types: 512 MiB, 2.9 GiB. To a tenth below it, so that no more is promised
    than there is; what is needed is rounded `up`.
    """
    if mib < 1024:
        return f"{mib} MiB"
    tenths = -(-mib * 10 // 1024) if up else mib * 10 // 1024
    return f"{tenths / 10:g} GiB"


def exact_to_read(mib: int) -> str:
    """The same where two that are nearly alike must be told apart: 39937 MiB, 2 GiB."""
    shown = show_size(mib)
    return f"{shown[:-3]} {shown[-3:]}"


def size_or_share(minimum: int) -> Kind[int]:
    """A size in MiB, `rest` (0) for all that is free there, or a Share of that: `50%FREE`, as LVM
    writes it.
    """
    inner = size(minimum)

    def parse(value: object) -> int:
        if value == "rest":
            return 0
        found = _SHARE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            if isinstance(value, str) and re.fullmatch(r"\s*[0-9]+\s*%\s*", value):
                raise ValueError(f"{value.strip()} of what: {value.strip(' %')}%FREE?")
            if isinstance(value, str) and "%" in value:
                raise ValueError("Write a share from 1%FREE to 100%FREE.")
            return inner.parse(value)
        return 0 if int(found[1]) == 100 else Share(found[1])

    def show(mib: int) -> str:
        if isinstance(mib, Share):
            return f"{int(mib)}%FREE"
        return show_size(mib) if mib else "rest"

    return Kind(
        f"{inner.name}, a share such as 50%FREE, or `rest`",
        parse,
        show,
        {
            "anyOf": [
                {"const": "rest"},
                {"type": "string", "pattern": f"^(?:{_SHARE.pattern})$"},
                dict(inner.schema),
            ]
        },
    )


def size_or(word: str, minimum: int) -> Kind[int]:
    """A size in MiB, or a word that stands for 0."""
    inner = size(minimum)

    def parse(value: object) -> int:
        if str(value).strip() == "0":
            raise ValueError(f"For none at all, write {word}.")
        return 0 if value == word else inner.parse(value)

    return Kind(
        f"{inner.name}, or `{word}`",
        parse,
        lambda mib: show_size(mib) if mib else word,
        {"anyOf": [{"const": word}, dict(inner.schema)]},
    )


def text(name: str, pattern: re.Pattern[str], right: str) -> Kind[str]:
    """Text that fits a pattern as a whole; `right` says in words what does."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(right)
        return value

    return Kind(name, parse, str, {"type": "string", "pattern": f"^(?:{pattern.pattern})$"})


def one_of(name: str, words: Mapping[str, str]) -> Kind[str]:
    """One of a few words, each with what it means in a phrase."""

    def parse(value: object) -> str:
        if value not in tuple(words):  # some values cannot be looked up in a mapping
            raise ValueError("Choose one of: " + ", ".join(words) + ".")
        return str(value)

    return Kind(name, parse, str, {"enum": list(words)}, words)


def whole_number(low: int, high: int) -> Kind[int]:
    """A whole number within bounds, both included."""

    def parse(value: object) -> int:
        digits = isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,8}", value)
        if isinstance(value, bool) or not (isinstance(value, int) or digits):
            raise ValueError("Write it in digits, such as 4.")
        number = int(str(value))
        if not low <= number <= high:
            raise ValueError("It is too small." if number < low else "It is too large.")
        return number

    return Kind(
        f"a whole number from {low} to {high}",
        parse,
        int,
        {"type": "integer", "minimum": low, "maximum": high},
    )


def list_of(inner: Kind[T], name: str, separators: str = r"[,\s]+") -> Kind[tuple[T, ...]]:
    """Several of another kind: a YAML list, or text with separators between them."""

    def parse(value: object) -> tuple[T, ...]:
        if isinstance(value, str):
            value = [part.strip() for part in re.split(separators, value) if part.strip()]
        if not isinstance(value, list | tuple):
            raise ValueError("Give a list.")
        return tuple(inner.parse(item) for item in value)

    return Kind(
        f"a list of {name}",
        parse,
        lambda items: [inner.show(item) for item in items],
        {"type": "array", "items": dict(inner.schema)},
    )


def _yes_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    match str(value).strip().lower():
        case "yes" | "y" | "true" | "on":
            return True
        case "no" | "n" | "false" | "off":
            return False
    raise ValueError("Answer yes or no.")


def yes_no(yes: str, no: str) -> Kind[bool]:
    """Yes or no, with what each means in a phrase."""
    return Kind("yes or no", _yes_no, bool, {"type": "boolean"}, {"yes": yes, "no": no})


def _path(value: object) -> str:
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"/dev/[A-Za-z0-9_+.:@#=/-]{1,255}", value)
        or ".." in value.split("/")
    ):
        raise ValueError("Give the path of a device, such as /dev/sdb1 or /dev/disk/by-id/….")
    return value


DEVICE: Kind[str] = Kind(
    "a device",
    _path,
    str,
    {
        "type": "string",
        "pattern": r"^/dev/(?!(.*/)?\.\.(/|$))[A-Za-z0-9_+.:@#=/-]{1,255}$",
    },
)


PATH = text(
    "a whole path",
    re.compile(rf"(|/(?!({CHARACTER}*/)?\.\.(/|$)){CHARACTER}{{1,1000}})"),
    "Write the whole path, from / on, without .. in it.",
)
SHA256 = text(
    "a SHA-256 or `none`",
    re.compile(r"[0-9a-f]{64}|none"),
    "Write 64 hexadecimal digits, as `sha256sum FILE` prints them, or none.",
)


def _network(value: object) -> str:
    if value == "dhcp":
        return "dhcp"
    try:
        address = ipaddress.IPv4Interface(str(value))
    except ValueError:
        raise ValueError(
            "Write dhcp, or an address with its prefix length, such as 192.0.2.10/24."
        ) from None
    if "/" not in str(value):
        raise ValueError(f"The prefix length is missing: {value}/24?")
    network = address.network
    if network.prefixlen < 31 and address.ip in (
        network.network_address,
        network.broadcast_address,
    ):
        raise ValueError(f"{address.ip} is the network's own or its broadcast address.")
    return str(address)


NETWORK: Kind[str] = Kind(
    "dhcp or an address",
    _network,
    str,
    {
        "type": "string",
        "pattern": f"^(dhcp|{_IPV4}/([0-9]|[12][0-9]|3[0-2]|{_IPV4}))$",
    },
)


def _address(value: object) -> str:
    try:
        return str(ipaddress.IPv4Address(str(value)))
    except ValueError:
        raise ValueError("Write an address such as 192.0.2.1.") from None


ADDRESS: Kind[str] = Kind(
    "an address", _address, str, {"type": "string", "format": "ipv4", "pattern": f"^{_IPV4}$"}
)


def or_word(inner: Kind[str], word: str) -> Kind[str]:
    """Another kind of text, or a word that stands for none of it."""

    def parse(value: object) -> str:
        return word if value == word else inner.parse(value)

    return Kind(
        f"{inner.name} or `{word}`", parse, str, {"anyOf": [{"const": word}, dict(inner.schema)]}
    )


def _url(value: object) -> str:
    if not isinstance(value, str) or not _URL.fullmatch(value):
        raise ValueError("Give the address of a mirror, such as http://mirror.example.org/debian.")
    return value.rstrip("/")


MIRROR: Kind[str] = or_word(
    Kind(
        "a mirror's address",
        _url,
        str,
        {"type": "string", "format": "uri", "pattern": f"^({_URL.pattern})$"},
    ),
    "host",
)


LOCKED = "locked"  # instead of a password: none opens the guest


def _password(value: object) -> str:
    if value == LOCKED or is_reference(value):
        return str(value)
    if isinstance(value, str) and HASH.fullmatch(value):
        return value
    # The value itself is not repeated: it may be a password.
    if isinstance(value, str) and value.startswith("file:"):
        raise ValueError("Write the whole path of the file: file:/root/password.")
    if isinstance(value, str) and value.startswith("env:"):
        raise ValueError("Write the name of a variable: env:ROOT_PASSWORD.")
    if isinstance(value, str) and (trouble := hash_trouble(value)):
        raise ValueError(f"{trouble} `xen-setup answers hash-password` makes a new one.")
    raise ValueError(
        "A password never stands in an answer file. Write its hash (`xen-setup answers "
        "hash-password` makes it), or where it is: file:/PATH, env:NAME, asked. Or `locked`."
    )


PASSWORD: Kind[str] = Kind(
    "a password's hash, a reference to one, or `locked`",
    _password,
    str,
    {
        "anyOf": [
            {"enum": [LOCKED, "asked"]},
            {"type": "string", "pattern": f"^(?:{HASH.pattern})$"},
            *({"type": "string", "pattern": f"^(?:{one})$"} for one in REFERENCES[1:]),
        ]
    },
)

GUEST_NAME = text(
    "a guest's name",
    _HOST_LABEL,
    "Use 1 to 63 lower-case letters, digits and - (not at either end): it is the host name too.",
)
INTERFACE = text("a network interface", _INTERFACE, "Use at most 15 letters, digits and _ . -.")
PACKAGE = text("a package's name", _PACKAGE, "Use a package's name, such as openssh-server.")
RELEASE = text("a release's code name", _RELEASE, "Use a code name such as bookworm.")


def checked(kind: Kind[T], test: Callable[[T], str], schema: Mapping[str, object]) -> Kind[T]:
    """The same kind with one more test, which returns what is wrong, or nothing; `schema` says
    that test as well.
    """

    def parse(value: object) -> T:
        result = kind.parse(value)
        if wrong := test(result):
            raise ValueError(wrong)
        return result

    return Kind(kind.name, parse, kind.show, {**kind.schema, **schema})


# That its body is whole, no schema can say.
SSH_KEY = checked(
    text("a public SSH key", KEY_LINE, "Give the line of a .pub file: ssh-ed25519 AAAA…."),
    key_trouble,
    {},
)


def _check_name(value: object) -> str:
    if value in CHECK_NAMES:
        return str(value)
    near = difflib.get_close_matches(str(value), CHECK_NAMES, 3, 0.6)
    raise ValueError(
        f"Did you mean {' or '.join(near)}?"
        if near
        else "Its name stands in [brackets] behind what `xen-setup check` finds."
    )


CHECK_NAME: Kind[str] = Kind("a check's name", _check_name, str, {"enum": list(CHECK_NAMES)})

GROUP_NAME = checked(
    text(
        "a volume group's name",
        _LVM_NAME,
        "Use letters, digits and _ + . - (not a - at the front).",
    ),
    # lvm(8): these two are directories, /dev/.. would be the root of everything.
    lambda name: f"LVM keeps {name} for itself." if name in {".", ".."} else "",
    {"not": {"enum": [".", ".."]}},
)
