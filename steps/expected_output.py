"""What commands that look show on a machine with these facts: for runs that are only played."""

from __future__ import annotations

from steps.facts import Facts


def xl_list(facts: Facts) -> tuple[str, ...]:
    """`xl list`: the domains, as xl prints them."""
    lines = [f"{'Name':<40}{'ID':>6}{'Mem':>6}{'VCPUs':>6}\tState\tTime(s)"]
    for domain in facts.xen.domains or ():
        spent = 61.4 if domain.id == 0 else 9.8
        lines.append(
            f"{domain.name:<40}{domain.id:>6}{domain.memory:>6}{domain.vcpus:>6}"
            f"     {domain.state}  {spent:>8.1f}"
        )
    return tuple(lines)
