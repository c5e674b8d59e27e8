"""What a file has beside its bytes, mode, owner and times: access control lists, an SELinux label,
capabilities, a user's own notes. For files.py: a file that is replaced would lose them.
"""

from __future__ import annotations

import base64
import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from wizard.undo import Attribute

_ACCESS_LIST = "system.posix_acl_access"
# Of these bytes alone: a signature of them, or what a program with them may do.
_OF_THE_CONTENT = {"security.capability", "security.evm", "security.ima"}
# The filesystem does not have it, or the kernel does not let it be set: that stops nobody.
_REFUSED = {errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL}


def attributes_of(path: Path) -> tuple[Attribute, ...]:
    """The extended attributes of a file, by name; those that cannot be read are left out."""
    found = []
    with suppress(OSError):  # a filesystem without any
        for name in sorted(os.listxattr(path, follow_symlinks=False)):
            with suppress(OSError):
                value = os.getxattr(path, name, follow_symlinks=False)
                found.append(Attribute(name, base64.b64encode(value).decode()))
    return tuple(found)


def of_any_content(attributes: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """Those that stay true when other bytes are in the file."""
    return tuple(one for one in attributes if one.name not in _OF_THE_CONTENT)


def set_attributes(descriptor: int, attributes: Iterable[Attribute]) -> None:
    """Give these to a new file; raises OSError when the disk has no room for them. The mode is to
    be set afterwards: an access control list has a part of it.
    """
    wanted = {one.name: base64.b64decode(one.value) for one in attributes}
    with suppress(OSError):
        # A directory may hand down a list to what is made in it.
        if _ACCESS_LIST in os.listxattr(descriptor) and _ACCESS_LIST not in wanted:
            os.removexattr(descriptor, _ACCESS_LIST)
    for name, value in wanted.items():
        try:
            os.setxattr(descriptor, name, value)
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
