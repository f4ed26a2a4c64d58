#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run_cross.sh ARCH PROGRAM [ARG...]: runs a Linux program built for ARCH (x86_64 or aarch64) on this machine: as it is
# if that is this machine's architecture, else under qemu-user. The only place that knows qemu's command line.
#
# QEMU_FLAGS adds options for qemu (a plugin to count operations, a CPU model). The exit code is the program's.

set -u

if (($# < 2)); then
  echo "usage: run_cross.sh ARCH PROGRAM [ARG...]" >&2
  exit 2
fi
arch="$1"
shift

case "${arch}" in
  x86_64 | aarch64) ;;
  *)
    echo "run_cross.sh: unknown architecture '${arch}'; it is x86_64 or aarch64." >&2
    exit 2
    ;;
esac

if [[ "${arch}" == "$(uname -m)" ]]; then
  exec "$@"
fi

qemu="/usr/bin/qemu-${arch}"
if [[ ! -x "${qemu}" ]]; then
  echo "run_cross.sh: ${qemu} is not installed; run tools/bazel once, it installs qemu-user." >&2
  exit 1
fi
# LeakSanitizer stops the program through ptrace, which qemu-user does not have.
export ASAN_OPTIONS="${ASAN_OPTIONS:+${ASAN_OPTIONS}:}detect_leaks=0"
# -L: where Debian's cross compiler keeps that architecture's C and C++ libraries.
# shellcheck disable=SC2086  # QEMU_FLAGS is a list of words.
exec "${qemu}" -L "/usr/${arch}-linux-gnu" ${QEMU_FLAGS:-} "$@"
