"""GRUB 2's menu: grub.cfg and grubenv parsed, and the default worked out as GRUB does it.

grub.cfg is a script. Only its shape is read: blocks, `menuentry` and `submenu` with their ids,
what they load, and `set default=` outside them; conditions are taken to hold. Numbers, ids and
titles are resolved as in GRUB's menu.c: a word that begins with a number counts (grub_strtoul,
octal and hexadecimal too, whatever follows), others name an id or a title, ">" enters a submenu,
and what is not found means the first entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal

from steps.facts import BootEntry

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\\\n)
      | (?P<comment>\#[^\n]*)
      | (?P<end>[\n;]+)
      | (?P<word>(?:'[^']*'|"(?:\\.|[^"\\])*"|\$\{[^}\n]*\}|\\.|[^\s;'"\\])+)
      | (?P<stray>.)""",
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(r"""'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)|([^'"\\]+)""", re.DOTALL)
_OPTIONS_WITH_VALUE = ("--class", "--users", "--hotkey", "--id", "$menuentry_id_option")
_LINUX = ("linux", "linux16", "linuxefi")
_INITRD = ("initrd", "initrd16", "initrdefi", "xen_initrd")
_XEN = ("multiboot", "multiboot2", "xen_hypervisor")
_MODULE = ("module", "module2", "xen_module", "xen_linux")
_NUMBER = re.compile(
    r"\s*(?:0[xX](?P<hex>[0-9a-fA-F]+)|(?P<octal>0[0-7]*)|(?P<digits>[1-9][0-9]*))"
)
_SAVED = ("${saved_entry}", "$saved_entry")


@dataclass
class _Node:
    """A menu entry, or a submenu with its own; the outermost one stands for the menu."""

    title: str = ""
    id: str = ""
    is_submenu: bool = False
    children: list[_Node] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Menu:
    """A parsed menu: every entry in order, and the default's word ("saved" for a saved one)."""

    entries: tuple[BootEntry, ...]
    default: str
    tree: _Node
    fallback: str = ""

    def meant_by(self, word: str) -> str | None:
        """The path of the entry that GRUB boots for this default word; None in an empty menu."""
        path: list[str] = []
        node = self.tree
        while node is self.tree or node.is_submenu:
            if not node.children:
                return None
            first, word = _split_first(word)
            child = _child(node, first)
            path.append(_name(child, node))
            node = child
        return ">".join(path)

    def falls_back_to(self) -> str | None:
        """The path of the entry that GRUB boots where it cannot load another; None for none.

        Only a number means an entry here, and a submenu's is that of its first (GRUB 2.06).
        """
        first = next(iter(self.fallback.split()), "")
        if not (first.isascii() and first.isdigit() and int(first[:9]) < len(self.tree.children)):
            return None
        return self.meant_by(first)


def parse_menu(text: str) -> Menu:
    """The menu that a grub.cfg makes."""
    top = _Node()
    default = fallback = ""
    blocks: list[_Node | None] = []  # None: a block that is no menu entry (a function)
    inside = top
    for words in _statements(text):
        if words == ["}"]:
            if blocks:
                blocks.pop()
            inside = next((node for node in reversed(blocks) if node is not None), top)
            continue
        opens = words[-1] == "{"
        if words[0] in ("menuentry", "submenu") and opens:
            node = _entry(words)
            inside.children.append(node)
            blocks.append(node)
            inside = node
        elif opens:
            blocks.append(None)
        elif blocks and blocks[-1] is not None and not blocks[-1].is_submenu:
            blocks[-1].commands.append(words)
        elif not blocks and (assigned := words[1:2] if words[0] == "set" else words[:1]):
            name, _, value = assigned[0].partition("=")
            # The first of the two branches in the header boots grub-reboot's entry, once.
            if name == "default" and "next_entry" not in value:
                default = "saved" if value in _SAVED else value
            elif name == "fallback":
                fallback = value
    return Menu(tuple(_flat(top, ())), default, top, fallback)


def parse_environment(text: str) -> dict[str, str]:
    """The variables of a grubenv block; none if it is not one."""
    if not text.startswith("# GRUB Environment Block\n"):
        return {}
    # GRUB escapes a backslash, and a newline in a value, with a backslash.
    lines = text.replace("\\\n", "\0").split("\n")[1:]
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {
        name: re.sub(r"\\(.)", r"\1", value).replace("\0", "\n")
        for name, equals, value in pairs
        if equals
    }


def in_boot(entry: BootEntry, names: frozenset[str]) -> BootEntry:
    """The entry with its files as paths of the system: GRUB's own begin at their filesystem.

    `names` are those in /boot; a file of another name is left as GRUB has it.
    """

    def path(grub_path: str) -> str:
        name = grub_path.rpartition("/")[2]
        return f"/boot/{name}" if name in names else grub_path

    return replace(
        entry,
        kernel=path(entry.kernel),
        initrd=path(entry.initrd),
        hypervisor=path(entry.hypervisor),
    )


def _statements(text: str) -> list[list[str]]:
    found: list[list[str]] = []
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        kind, raw = match.lastgroup, match.group()
        if kind == "word":
            if raw == "}":  # it may follow a command in the same line
                if words:
                    found.append(words)
                found.append(["}"])
                words = []
                continue
            words.append(_unquoted(raw) if raw != "{" else "{")
            if raw == "{":
                found.append(words)
                words = []
        elif kind == "end" and words:
            found.append(words)
            words = []
    if words:
        found.append(words)
    return found


def _unquoted(raw: str) -> str:
    if raw.isalnum():
        return raw
    parts = []
    for single, double, escaped, plain in _PART.findall(raw):
        if double:
            parts.append(re.sub(r"\\([\\\"$])", r"\1", double))
        else:
            parts.append(single or escaped or plain)
    return "".join(parts)


def _entry(words: list[str]) -> _Node:
    node = _Node(is_submenu=words[0] == "submenu")
    rest = iter(words[1:-1])
    for word in rest:
        option, equals, value = word.partition("=")
        if option in _OPTIONS_WITH_VALUE or (word.startswith("--") and equals):
            if not equals:
                value = next(rest, "")
            if option in ("--id", "$menuentry_id_option"):
                node.id = value
        elif word.startswith("--"):
            continue  # --unrestricted
        elif not node.title:
            node.title = word
    return node


def _name(node: _Node, parent: _Node) -> str:
    """The word that GRUB takes for this child of its parent: id, title, or its number.

    update-grub gives Linux's and Xen's submenus the same id, and GRUB takes the first.
    """
    for word in (node.id, node.title):
        if word and _number(word) is None and _child(parent, word) is node:
            return word.replace(">", ">>")  # a single one would enter a submenu
    return str(next(index for index, child in enumerate(parent.children) if child is node))


def _flat(node: _Node, path: tuple[str, ...]) -> list[BootEntry]:
    found: list[BootEntry] = []
    for child in node.children:
        own = (*path, _name(child, node))
        if child.is_submenu:
            found += _flat(child, own)
        else:
            found.append(_boot_entry(child, ">".join(own)))
    return found


def _boot_entry(node: _Node, path: str) -> BootEntry:
    kernel = initrd = hypervisor = hypervisor_options = kernel_options = ""
    modules: list[list[str]] = []
    for words in node.commands:
        command, *rest = words
        files = [word for word in rest if not word.startswith("--")]
        if not files:
            continue
        if command in _LINUX:
            kernel, kernel_options = files[0], " ".join(rest[rest.index(files[0]) + 1 :])
        elif command in _INITRD:
            initrd = files[-1]  # earlier ones hold microcode
        elif command in _XEN:
            hypervisor = files[0]
            hypervisor_options = _options(rest[rest.index(files[0]) + 1 :])
        elif command in _MODULE:
            modules.append(rest[rest.index(files[0]) :])
    if hypervisor and modules:
        kernel, kernel_options = modules[0][0], _options(modules[0][1:])
        images = [module[0] for module in modules[1:]]
        named = [image for image in images if "init" in image.rpartition("/")[2]]
        initrd = initrd or (named or images or [""])[0]
    kind: Literal["linux", "xen", "other"] = "other"
    if hypervisor and "xen" in hypervisor.rpartition("/")[2]:
        kind = "xen"
    elif kernel and not hypervisor:
        kind = "linux"
    options = kernel_options.split()
    recovery = "-recovery-" in node.id or "single" in options or "recovery" in options
    return BootEntry(
        id=node.id or node.title,  # GRUB takes the title where there is no id
        path=path,
        title=node.title,
        kind=kind,
        kernel=kernel,
        initrd=initrd,
        hypervisor=hypervisor,
        hypervisor_options=hypervisor_options,
        kernel_options=kernel_options,
        recovery=recovery,
    )


def _options(words: list[str]) -> str:
    # update-grub puts a word before them that the multiboot protocol takes away, and a variable
    # that is empty with BIOS firmware.
    kept = [word for word in words if word != "${xen_rm_opts}"]
    return " ".join(kept[1:] if kept[:1] == ["placeholder"] else kept)


def _split_first(word: str) -> tuple[str, str]:
    match = re.match(r"((?:>>|[^>])*)>?(.*)", word, re.DOTALL)
    assert match is not None  # every text matches
    return match[1].replace(">>", ">"), match[2]


def _number(word: str) -> int | None:
    """The number that GRUB reads in the word, None where it takes it for an id or a title."""
    match = _NUMBER.match(word)
    if match is None:
        return None
    bases = {"hex": 16, "octal": 8, "digits": 10}
    return next(int(match[name][:9], base) for name, base in bases.items() if match[name])


def _child(node: _Node, word: str) -> _Node:
    index = _number(word)
    if index is not None:
        return node.children[index] if index < len(node.children) else node.children[0]
    for child in node.children:
        if word and word in (child.title, child.id):
            return child
    return node.children[0]
