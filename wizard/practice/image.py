"""The disk image all practice machines start from: built once, kept in the cache.

An image is a folder named after its recipe: it is made under another name and renamed at the end,
so a folder with that name is a whole image, always. One lock for all builds.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wizard.practice import processes
from wizard.practice.errors import HostNotReady, MachineTrouble
from wizard.practice.qemu import Hardware, first_boot_command
from wizard.practice.recipe import GIB, Recipe, boot_uuid
from wizard.practice.sources import RELEASE

Progress = Callable[[str], None]
# Makes an image's files in a folder, following a recipe.
Builder = Callable[[Path, Recipe, Progress], None]

# A build takes about 1.3 GiB for the image and 2 GiB on the way.
_BUILD_BYTES = 4 * GIB
_UNPACK_BYTES = 2 * GIB
# A minute, emulated; five and more on a computer that is busy with other machines (seen).
_FIRST_BOOT_SECONDS = 1800
_MMDEBSTRAP_SECONDS = 3600

# The host name ssh checks the machine's key under, whatever its port.
HOST_KEY_ALIAS = "practice-machine"


@dataclass(frozen=True)
class Image:
    """A built image: a raw disk, the key that opens it, and the key it shows."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.raw"

    @property
    def ssh_key(self) -> Path:
        return self.folder / "ssh_key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def key(self) -> str:
        return self.folder.name


def silent(_message: str) -> None:
    """A Progress that shows nothing."""


def cached(cache: Path, recipe: Recipe) -> Image | None:
    """The image of this recipe, if it was built before."""
    image = Image(cache / recipe.key())
    return image if image.folder.is_dir() else None


def ensure(
    cache: Path,
    recipe: Recipe,
    progress: Progress = silent,
    *,
    build: Builder | None = None,
    also: Iterable[Recipe] = (),
) -> Image:
    """The image of this recipe, built now if it is not in the cache; takes 2 to 4 minutes then.
    Images of other recipes are removed then, but for those of `also`.

    Raises HostNotReady (a program, space or the mirror is missing) or MachineTrouble (the image
    did not get through its first boot).
    """
    if image := cached(cache, recipe):
        return image
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _lock(cache / "lock", progress):
            if image := cached(cache, recipe):  # another build made it while we waited
                return image
            for left in cache.glob("building-*"):
                shutil.rmtree(left)
            work = cache / f"building-{recipe.key()}"
            work.mkdir(mode=0o700)
            try:
                (build or build_image)(work, recipe, progress)
                work.rename(cache / recipe.key())
            except BaseException:
                _keep_logs(work, cache / "failed-build")
                raise
            finally:
                shutil.rmtree(work, ignore_errors=True)
            # Machines hold a link of their own to the disk they started from: none breaks here.
            kept = {recipe.key(), *(other.key() for other in also)}
            for other in cache.iterdir():
                if other.is_dir() and other.name not in kept:
                    shutil.rmtree(other)
    except OSError as error:
        raise HostNotReady(
            f"The image of the practice machine cannot be written: {error}.",
            hint=f"See that {cache} can be written to and has {_BUILD_BYTES // GIB} GiB free.",
        ) from error
    return Image(cache / recipe.key())


def build_image(work: Path, recipe: Recipe, progress: Progress) -> None:
    """Make everything an image consists of in the empty folder `work`."""
    processes.require("mmdebstrap", "mke2fs", "sfdisk", "qemu-system-x86_64", "ssh-keygen", "tar")
    if os.geteuid() != 0:
        processes.require("newuidmap")
    _require_space(work)
    log = work / "build.log"
    filesystem = str(uuid.uuid4())
    host_key = _make_keys(work)
    progress("Downloading Debian 12 and putting it together (about a minute) …")
    _bootstrap(work, recipe, log, progress)
    progress("Filling the disk …")
    ours = work / "files.tar"
    ours.write_bytes(_our_files(work, recipe, filesystem, host_key))
    disk = work / "disk.raw"
    with disk.open("wb") as file:
        file.truncate(recipe.disk_bytes)
    table = processes.run(
        ["sfdisk", "--quiet", "--no-tell-kernel", str(disk)],
        stdin=recipe.partition_table().encode(),
    )
    if table.status:
        raise HostNotReady(
            "sfdisk could not write the image's partition table.",
            hint="This is a fault in xen-setup, or of sfdisk's version.",
            details=_last_lines(table.err),
        )
    _fill(work, recipe, filesystem, log)
    kernel, initrd = _kernel_of(work / "root.tar", work)
    progress("First boot: installing GRUB on the image (about half a minute) …")
    _first_boot(work, disk, kernel, initrd, recipe.root_partition)
    for name in ("root.tar", "files.tar", kernel.name, initrd.name):
        (work / name).unlink()


def _bootstrap(work: Path, recipe: Recipe, log: Path, progress: Progress) -> None:
    root = os.geteuid() == 0
    sources = work / "sources.list"
    sources.write_text(recipe.mirror.lines(), encoding="utf-8")
    argv = [
        "mmdebstrap",
        f"--mode={'root' if root else 'unshare'}",
        "--variant=minbase",
        "--architectures=amd64",
        f"--include={','.join(recipe.packages)}",
        '--aptopt=Acquire::Languages "none"',
        *(f"--essential-hook={hook}" for hook in recipe.hooks),
        # The package lists stay, as after an installation.
        "--skip=cleanup/apt/lists",
        RELEASE,
        str(work / "root.tar"),
        str(sources),
    ]
    process = processes.start(argv, log=log)
    stage = ""
    deadline = time.monotonic() + _MMDEBSTRAP_SECONDS
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
            latest = _stage(log)
            if latest and latest != stage:
                stage = latest
                progress(f"  {stage}")
    finally:
        if process.poll() is None:
            process.terminate()  # it removes its temporary folder, and ends its children
            process.wait()
    if process.returncode != 0:
        raise _bootstrap_error(log.read_bytes(), recipe)


def _stage(log: Path) -> str:
    lines = [line[3:] for line in log.read_text(errors="replace").splitlines()
             if line.startswith("I: ") and line.endswith("...")]  # fmt: skip
    return lines[-1] if lines else ""


def _bootstrap_error(output: bytes, recipe: Recipe) -> HostNotReady:
    details = _last_lines(output)
    text = output.decode(errors="replace")
    if "NO_PUBKEY" in text or "is not signed" in text or "GPG error" in text:
        return HostNotReady(
            "The mirror's signature on Debian 12 cannot be checked.",
            hint="Install the package debian-archive-keyring.",
            details=details,
        )
    mirror_words = ("Could not resolve", "Could not connect", "Failed to fetch",
                    "Temporary failure", "Connection failed", "does not have a Release file",
                    "Unable to connect")  # fmt: skip
    if any(words in text for words in mirror_words):
        return HostNotReady(
            f"Debian 12 could not be fetched from {recipe.mirror.main}.",
            hint="See that this computer reaches the mirror (apt-get update), then try again.",
            details=details,
        )
    if "No space left" in text:
        return HostNotReady(
            "The disk became full while Debian 12 was put together.",
            hint=f"Free {_BUILD_BYTES // GIB} GiB, or set XDG_CACHE_HOME and TMPDIR elsewhere.",
            details=details,
        )
    return HostNotReady(
        "mmdebstrap could not put Debian 12 together.",
        hint="Its last lines are below. As an ordinary user it needs the packages uidmap and "
        "mmdebstrap, and lines for you in /etc/subuid and /etc/subgid; root needs none of these.",
        details=details,
    )


def with_files(work: Path, argv: Sequence[str]) -> list[str]:
    """`argv` as the script that fills the disk wants it: root.tar of `work` is its standard input,
    files.tar its descriptor 3, and disk.raw, to read and write, its descriptor 4.
    """
    # Opened by their names: in `3<&N`, Debian's sh takes no N above 9.
    opened = 'root=$1 ours=$2 disk=$3; shift 3; exec "$@" <"$root" 3<"$ours" 4<>"$disk"'
    files = (str(work / name) for name in ("root.tar", "files.tar", "disk.raw"))
    return ["sh", "-c", opened, "sh", *files, *argv]


def _fill(work: Path, recipe: Recipe, filesystem: str, log: Path) -> None:
    script = recipe.fill_script(filesystem)
    argv = ["sh", "-c", script]
    if os.geteuid() != 0:
        argv = ["mmdebstrap", "--unshare-helper", *argv]
    disk = work / "disk.raw"
    # The namespace's root is another user: it reaches the disk by its descriptor, but opens it
    # again, so the mode must allow that. The folder around it is closed to everyone else.
    disk.chmod(0o666)
    done = processes.run(
        with_files(work, argv),
        seconds=1800,
        extra={"TMPDIR": str(work)} if os.geteuid() == 0 else None,
    )
    disk.chmod(0o600)
    if done.status:
        with log.open("ab") as file:
            file.write(done.err)
        raise HostNotReady(
            "The filesystem of the practice machine could not be made.",
            hint="The last lines are below; often the temporary folder is full (set TMPDIR).",
            details=_last_lines(done.err),
        )


def _first_boot(work: Path, disk: Path, kernel: Path, initrd: Path, root: int) -> None:
    console = work / "first-boot.log"
    argv = first_boot_command(
        Hardware(), disk=disk, kernel=kernel, initrd=initrd, console=console, root=root
    )
    try:
        done = processes.run(argv, seconds=_FIRST_BOOT_SECONDS)
    except TimeoutError:
        done = processes.Finished(1, b"", b"no end after half an hour")
    text = console.read_bytes() if console.exists() else b""
    if b"first-boot: exit status 0" not in text:
        raise MachineTrouble(
            "The new image did not get through its first boot.",
            hint="Its console's last lines are below. Try again; if it fails the same way, it is "
            "a fault in xen-setup.",
            details=_last_lines(text + b"\n" + done.err),
        )


def _make_keys(work: Path) -> str:
    """The keys of user and machine, made in `work`; the machine's private key is returned."""
    for name, comment in (("ssh_key", "xen-setup practice"), ("host_key", HOST_KEY_ALIAS)):
        made = processes.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(work / name)]
        )
        if made.status:
            raise HostNotReady(
                "ssh-keygen could not make the practice machine's keys.",
                hint=f"See that {work.parent} can be written to.",
                details=_last_lines(made.err),
            )
    public = (work / "host_key.pub").read_text().split()
    (work / "known_hosts").write_text(f"{HOST_KEY_ALIAS} {public[0]} {public[1]}\n")
    private = (work / "host_key").read_text()
    (work / "host_key").unlink()
    return private


def _our_files(work: Path, recipe: Recipe, filesystem: str, host_key: str) -> bytes:
    """A tar of the recipe's files and of what is made for each image: identifiers and keys."""
    made = [
        ("etc/apt/sources.list", recipe.mirror.lines(), 0o644),
        ("etc/ssh/ssh_host_ed25519_key", host_key, 0o600),
        ("etc/ssh/ssh_host_ed25519_key.pub", (work / "host_key.pub").read_text(), 0o644),
        ("root/.ssh/authorized_keys", (work / "ssh_key.pub").read_text(), 0o600),
    ]
    buffer = io.BytesIO()
    now = int(time.time())
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo("root/.ssh")
        folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o700, now
        tar.addfile(folder)
        for path, text, mode in made:
            _add_file(tar, path, text, mode, now)
        boot = boot_uuid(filesystem)
        for file in recipe.files:
            if file.link:
                link = tarfile.TarInfo(file.path)
                link.type, link.linkname, link.mtime = tarfile.SYMTYPE, file.link, now
                tar.addfile(link)
            else:
                text = file.text.replace("@UUID@", filesystem).replace("@BOOT_UUID@", boot)
                _add_file(tar, file.path, text, file.mode, now)
    return buffer.getvalue()


def _add_file(tar: tarfile.TarFile, path: str, text: str, mode: int, now: int) -> None:
    data = text.encode()
    member = tarfile.TarInfo(path)
    member.size, member.mode, member.mtime = len(data), mode, now
    tar.addfile(member, io.BytesIO(data))


def _kernel_of(root_tar: Path, work: Path) -> tuple[Path, Path]:
    """The kernel and its initrd, taken out of the system's tar into `work`."""
    kernel, initrd = work / "vmlinuz", work / "initrd.img"
    with tarfile.open(root_tar) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            for prefix, target in (("boot/vmlinuz-", kernel), ("boot/initrd.img-", initrd)):
                if name.startswith(prefix) and member.isfile():
                    source = tar.extractfile(member)
                    assert source is not None
                    with source, target.open("wb") as file:
                        shutil.copyfileobj(source, file)
    if not (kernel.exists() and initrd.exists()):
        raise HostNotReady(
            "The new image has no kernel.",
            hint="The mirror may be broken: try again later, or with another one.",
        )
    return kernel, initrd


def _keep_logs(work: Path, target: Path) -> None:
    """What a build that failed said, for whoever looks into it."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for log in work.glob("*.log"):
        log.rename(target / log.name)


def _require_space(work: Path) -> None:
    wanted = [(work, _BUILD_BYTES, "XDG_CACHE_HOME")]
    if os.geteuid() != 0:
        wanted.append((Path(tempfile.gettempdir()), _UNPACK_BYTES, "TMPDIR"))
    for folder, size, variable in wanted:
        free = shutil.disk_usage(folder).free
        if free < size:
            raise HostNotReady(
                f"{folder} has {free / GIB:.1f} GiB free; the practice machine's image takes "
                f"{size // GIB} GiB while it is made.",
                hint=f"Free some space, or set {variable} to a folder on a larger disk.",
            )


@contextmanager
def _lock(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Another xen-setup is building the image: waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _last_lines(output: bytes, count: int = 15) -> tuple[str, ...]:
    lines = output.decode(errors="replace").replace("\r", "").splitlines()
    return tuple(line for line in lines if line.strip())[-count:]
