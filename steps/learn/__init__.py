"""What `xen-setup learn` tells: the ideas behind Xen, a module a topic, and the steps' lessons.

A topic's text is paragraphs; what is indented by four spaces is a drawing, which stays as it is.
"""

from __future__ import annotations

from steps.learn import (
    administration,
    boot_chain,
    bridge,
    domains,
    guest_disks,
    hardware,
    limits,
    lvm,
    rings,
    start_and_stop,
    toolstack,
)
from wizard.topics import Topic

# In the order in which one would read them.
TOPICS: tuple[Topic, ...] = (
    rings.TOPIC,
    hardware.TOPIC,
    domains.TOPIC,
    boot_chain.TOPIC,
    guest_disks.TOPIC,
    lvm.TOPIC,
    bridge.TOPIC,
    start_and_stop.TOPIC,
    administration.TOPIC,
    toolstack.TOPIC,
    limits.TOPIC,
)
