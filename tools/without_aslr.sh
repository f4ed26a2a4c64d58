#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a program without address space randomisation where the system allows that, else as it is.

if setarch --addr-no-randomize true 2>/dev/null; then
  exec setarch --addr-no-randomize "$@"
fi
exec "$@"
