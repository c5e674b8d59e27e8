"""A tarball's signature: good only by gpgv's own words, and each way to be bad in plain ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from steps.facts import Signature
from steps.reading.signature import parse_gpgv, read_signature
from steps.reading.view import View
from tests.reading.looking import Answers, Said
from tests.reading.openpgp import ARMOURED, KEYRINGS, MAKER, SIGNATURES, SIGNED
from wizard import commands

has_gpgv = pytest.mark.skipif(shutil.which("gpgv") is None, reason="apt brings gpgv, elsewhere not")
GOOD = "[GNUPG:] GOODSIG F0FC8E214561C045 maker <maker@example.org>\n"
VALID = (
    "[GNUPG:] VALIDSIG AD1A2686E845171675EBB6EDF0FC8E214561C045 2020-01-02 1577923200 0 4 0 22 8 "
    "00 AD1A2686E845171675EBB6EDF0FC8E214561C045\n"
)


def laid_out(
    folder: Path, *, key: bytes = KEYRINGS["maker"], signature: bytes = SIGNATURES["maker"]
) -> tuple[str, str, str]:
    """The signed file, its signature and the keyring, as paths."""
    for name, content in (("xen.tgz", SIGNED), ("xen.tgz.sig", signature), ("maker.gpg", key)):
        (folder / name).write_bytes(content)
    return f"{folder}/xen.tgz", f"{folder}/xen.tgz.sig", f"{folder}/maker.gpg"


def looked(paths: tuple[str, str, str]) -> Signature:
    return read_signature(View(ask=commands.ask, as_root=True), *paths)


@has_gpgv
def test_the_makers_signature_is_good_and_says_whose_it_is(tmp_path: Path) -> None:
    paths = laid_out(tmp_path)
    assert Signature(paths[1], paths[2], (MAKER,)) == looked(paths)


@has_gpgv
@pytest.mark.parametrize(
    ("key", "signature", "words"),
    [
        (KEYRINGS["other"], SIGNATURES["maker"], "the key F0FC8E214561C045, which is not in"),
        (KEYRINGS["old"], SIGNATURES["old"], "its key has expired (old <old@example.org>)"),
        (KEYRINGS["revoked"], SIGNATURES["other"], "its key was revoked by its owner"),
        (ARMOURED, SIGNATURES["maker"], "a key in letters, and gpgv reads keyrings in bytes"),
        (KEYRINGS["maker"], SIGNED, "there is no signature in it"),
        (KEYRINGS["maker"], b"", "there is no signature in it"),
        (KEYRINGS["maker"], SIGNATURES["maker"][:40], "gpgv"),
        (b"", SIGNATURES["maker"], "which is not in the keyring"),
        (
            KEYRINGS["maker"] + KEYRINGS["old"],
            SIGNATURES["maker"] + SIGNATURES["old"],
            "its key has expired",
        ),
    ],
)
def test_what_does_not_count_says_why(
    tmp_path: Path, key: bytes, signature: bytes, words: str
) -> None:
    found = looked(laid_out(tmp_path, key=key, signature=signature))
    assert () == found.signers
    assert words in found.wrong or "there is no signature in it" == found.wrong


@has_gpgv
def test_one_byte_more_in_the_file_is_seen(tmp_path: Path) -> None:
    paths = laid_out(tmp_path)
    assert "" == looked(paths).wrong
    with Path(paths[0]).open("ab") as file:
        file.write(b"\n")
    assert "it is not of this file" in looked(paths).wrong


def test_what_is_not_there_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    paths = laid_out(tmp_path)
    view = View(ask=Answers({}), as_root=True)
    for gone, words in ((1, "the signature {} is not there"), (2, "the keyring {} is not there")):
        other = [*paths]
        other[gone] = f"{tmp_path}/gone"
        assert words.format(other[gone]) == read_signature(view, *other).wrong
    assert "no answer says where the keyring is" == read_signature(view, *paths[:2], "").wrong
    assert "this is a folder" in read_signature(view, str(tmp_path), *paths[1:]).wrong


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said("", status=127), "apt-get install gpgv"),
        (Said("", status=124), "gpgv found none that is good"),
        (Said("", status=0), "gpgv found none that is good"),
        (Said(GOOD, status=0), "gpgv found none that is good"),
        (Said(VALID, status=0), "gpgv found none that is good"),
        (Said(GOOD + VALID, status=2), "gpgv ended with status 2"),
        (Said(GOOD + VALID + GOOD.replace("GOOD", "BAD"), status=1), "it is not of this file"),
    ],
)
def test_neither_a_status_nor_half_of_the_words_is_enough(
    tmp_path: Path, said: Said, words: str
) -> None:
    view = View(ask=Answers({"gpgv": said}), as_root=True)
    found = read_signature(view, *laid_out(tmp_path))
    assert (True, ()) == (words in found.wrong, found.signers)


def test_a_name_of_a_key_cannot_act_on_a_terminal() -> None:
    (signer,), wrong = parse_gpgv(GOOD.replace("maker <", "\x1b[2Jmaker <") + VALID)
    assert ("", False) == (wrong, "\x1b" in signer)
