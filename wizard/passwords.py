"""Passwords to hashes, by the system's own crypt(3): nothing leaves this process.

The hash is SHA-512 crypt (`$6$`, crypt(5)): every release that a guest can have reads it, also
those from before yescrypt. The salt is the kernel's (CSPRNG through libxcrypt).
"""

from __future__ import annotations

import ctypes

from wizard.errors import SetupError

PREFIX = b"$6$"
# Some hundred milliseconds on one processor; the default of 5000 is of 2007.
ROUNDS = 200_000
LONGEST = 511  # bytes: CRYPT_MAX_PASSPHRASE_SIZE of crypt.h, without its closing zero
_OUTPUT_SIZE = 384  # CRYPT_OUTPUT_SIZE
_DATA_SIZE = 32768  # sizeof(struct crypt_data), fixed for libxcrypt's ABI

# The same library under its two names: with and without the functions of the time before 2018.
_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2")


def hash_password(password: str) -> str:
    """The crypt(5) hash of a password, with a new salt each time.

    Raises ValueError with a sentence when it cannot be a password, and SetupError when this
    system has no crypt(3) with SHA-512.
    """
    phrase = password.encode("utf-8", "surrogateescape")
    if not phrase:
        raise ValueError("An empty password lets everybody in.")
    if len(phrase) > LONGEST:
        raise ValueError(f"A password has at most {LONGEST} bytes.")
    if any(byte < 0x20 or byte == 0x7F for byte in phrase):
        # login(1) could never be given it.
        raise ValueError("A password has no control characters in it.")
    library = _library()
    setting = ctypes.create_string_buffer(_OUTPUT_SIZE)
    if not library.crypt_gensalt_rn(PREFIX, ROUNDS, None, 0, setting, _OUTPUT_SIZE):
        raise _unusable()
    data = ctypes.create_string_buffer(_DATA_SIZE)
    result = library.crypt_rn(phrase, setting, data, _DATA_SIZE)
    # A failure is NULL, or a text that starts with * and is no hash.
    if not result or not result.startswith(PREFIX):
        raise _unusable()
    text: str = result.decode("ascii")
    ctypes.memset(data, 0, _DATA_SIZE)
    return text


def _library() -> ctypes.CDLL:
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
            library.crypt_rn.restype = ctypes.c_char_p
            library.crypt_gensalt_rn.restype = ctypes.c_char_p
        except (OSError, AttributeError):  # not there; or glibc's own, without these functions
            continue
        library.crypt_rn.argtypes = (
            ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int,
        )  # fmt: skip
        library.crypt_gensalt_rn.argtypes = (
            ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p,
            ctypes.c_int,
        )  # fmt: skip
        return library
    raise _unusable()


def _unusable() -> SetupError:
    return SetupError(
        "This system's crypt library (libcrypt.so.1) cannot hash a password.",
        hint="Make the hash elsewhere with `openssl passwd -6` and put it into an answer file.",
    )
