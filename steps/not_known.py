"""What nobody can know before it is done, a sentence or two each: for questions and for the plan.

Each says when it is seen, and what happens then if it is not as hoped.
"""

from __future__ import annotations

XEN_BOOTS = (
    "Whether Xen boots on this machine. It is booted once, to see; if it does not come up, the "
    "next reset starts plain Linux again."
)
ADDRESS_BY_DHCP = (
    "Whether a DHCP server answers the guests: they ask when they boot. Without an answer they "
    "come to their login prompt all the same, only without an address."
)
SEVERAL_CARDS = (
    "Whether the network takes several cards at this one's port. Some switches and hosting "
    "companies let only one address through: the host stays reachable then, the guests are not."
)


def has_release(release: str) -> str:
    """Of the mirror."""
    return (
        f"Whether the mirror has {release}: debootstrap asks when it installs the guest. If it "
        "has not, the step stops, and you can give another answer."
    )


def has_packages(release: str) -> str:
    """Of the mirror, for that release."""
    return (
        f"Whether {release} has packages of these names. debootstrap looks for them when it "
        "installs the guest; if it has not, the step stops, and you can give another answer."
    )


def size_of_group(name: str) -> str:
    """Of one that is still to be made."""
    return (
        f"How much {name} holds to the last MiB. It is still to be made, and LVM keeps a little "
        "of the device for itself."
    )
