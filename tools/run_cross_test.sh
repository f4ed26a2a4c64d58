#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What run_cross.sh promises besides running programs (tools/selftest covers that): exit codes and bad arguments.

set -u

passed=0
failures=0
check() {
  local what="$1" code="$2" text="$3" said result
  shift 3
  said="$(tools/run_cross.sh "$@" 2>&1)"
  result=$?
  if [[ "${result}" == "${code}" && "${said}" == *"${text}"* ]]; then
    passed=$((passed + 1))
  else
    failures=$((failures + 1))
    echo "FAILED: ${what}: exit code ${result}, said: ${said}"
  fi
}

native="$(uname -m)"
check "arguments reach the program" 0 "[a b][--flag]" "${native}" /bin/bash -c 'printf "[%s]" "$@"' - "a b" --flag
check "the exit code is the program's" 37 "" "${native}" /bin/bash -c 'exit 37'
check "an unknown architecture" 2 "unknown architecture 'mips'" mips /bin/true
check "no program" 2 "usage:" "${native}"
check "nothing" 2 "usage:"

echo "${passed} checks passed, ${failures} failed"
((passed > 0 && failures == 0))
