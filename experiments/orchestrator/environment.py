# SPDX-License-Identifier: Apache-2.0
"""What a run was measured on: everything that can change a result and can be asked for.

Whatever a machine does not tell is None; nothing here may stop a run.
"""

import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
from typing import Any

from experiments.orchestrator.topology import Machine

_CPU = pathlib.Path("/sys/devices/system/cpu")


def _text(path: str | pathlib.Path) -> str | None:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _field(text: str | None, name: str) -> str | None:
    found = re.search(rf"^{re.escape(name)}\s*[:=]\s*\"?(.*?)\"?\s*$", text or "", re.MULTILINE)
    return found[1] if found else None


def _chosen(text: str | None) -> str | None:
    """The bracketed word of a sysfs choice: "always [madvise] never" -> "madvise"."""
    found = re.search(r"\[(.+?)\]", text or "")
    return found[1] if found else text


def memory_bytes(field: str = "MemTotal") -> int | None:
    """A line of /proc/meminfo in bytes."""
    value = _field(_text("/proc/meminfo"), field)
    return int(value.split()[0]) * 1024 if value else None


def _hypervisor(cpuinfo: str | None) -> str | None:
    if "hypervisor" not in (_field(cpuinfo, "flags") or "").split():
        return None
    names = (_text("/sys/hypervisor/type"), _text("/sys/class/dmi/id/sys_vendor"))
    return next((name for name in names if name), "yes, of unknown kind")


def steal_ticks() -> int | None:
    """Ticks that the hypervisor gave to others since boot, over all CPUs."""
    fields = (_text("/proc/stat") or "").split("\n")[0].split()
    return int(fields[8]) if len(fields) > 8 else None


def environment(machine: Machine) -> dict[str, Any]:
    """The machine and its settings, for run.json."""
    cpuinfo, release = _text("/proc/cpuinfo"), _text("/etc/os-release")
    governor = _text(_CPU / "cpu0/cpufreq/scaling_governor")
    turbo = _text(_CPU / "intel_pstate/no_turbo")
    return {
        "cpu": _field(cpuinfo, "model name") or platform.processor() or platform.machine(),
        "microcode": _field(cpuinfo, "microcode"),
        "machine": platform.machine(),
        "cores": len(machine.cores),  # physical ones, of those that this process may use
        "smt": machine.cpus > len(machine.cores),
        "topology": machine.record(),
        "kernel": platform.release(),
        "os": _field(release, "PRETTY_NAME"),
        "thp": _chosen(_text("/sys/kernel/mm/transparent_hugepage/enabled")),
        "aslr": _text("/proc/sys/kernel/randomize_va_space"),
        "governor": governor,
        "no_turbo": turbo,
        "cache_line_bytes": _text(_CPU / "cpu0/cache/index0/coherency_line_size"),
        "memory_bytes": memory_bytes(),
        "memory_available_bytes": memory_bytes("MemAvailable"),
        "hypervisor": _hypervisor(cpuinfo),
        "load_at_start": list(os.getloadavg()),
        "steal_ticks_at_start": steal_ticks(),
        "clock_source": _text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "python": platform.python_version(),
    }


def at_end(before: dict[str, Any]) -> dict[str, Any]:
    """What has changed by the end of a run."""
    stolen, first = steal_ticks(), before.get("steal_ticks_at_start")
    return {"load_at_end": list(os.getloadavg()),
            "steal_s": None if stolen is None or first is None
            else round((stolen - first) / os.sysconf("SC_CLK_TCK"), 2)}


def sha256(path: str | pathlib.Path) -> str:
    """The hash of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def revision(workspace: pathlib.Path) -> tuple[str, bool | None]:
    """(git revision, whether tracked files differ from it); ("unknown", None) outside a checkout."""
    def git(*args: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(workspace), *args], capture_output=True, text=True,
                                  timeout=20, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    head = git("rev-parse", "HEAD")
    if not head:
        return "unknown", None
    changed = git("status", "--porcelain", "--untracked-files=no")
    return head, None if changed is None else bool(changed)


def emulator(arch: str) -> list[str] | None:
    """The command that runs binaries of another architecture, or None when it is not installed."""
    program = shutil.which(f"qemu-{arch}")
    return [program, "-L", f"/usr/{arch}-linux-gnu"] if program else None


def emulator_version(command: list[str]) -> str:
    """What the emulator calls itself, on one line."""
    try:
        said = subprocess.run([command[0], "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return command[0]
    first = said.stdout.splitlines()[0] if said.stdout else command[0]
    return first.replace(" version ", " ")
