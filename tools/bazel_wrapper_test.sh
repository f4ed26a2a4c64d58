#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs tools/bazel with a PATH of stubs in the place of Debian's programs, and looks at what it called and said.
# The stubs append their command lines to $CALLS; the files $STATE/installed and $STATE/available play dpkg's database
# and the archive.

set -u

wrapper="${PWD}/tools/bazel"
packages="${PWD}/tools/packages.txt"
work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT
export CALLS="${work}/calls" STATE="${work}/state"
failures=0
passed=0

stub() {
  printf '#!/bin/bash\necho "%s $*" >>"${CALLS}"\n%s\n' "$1" "$2" >"${work}/bin/$1"
  chmod +x "${work}/bin/$1"
}

# Fresh stubs and an empty system, on which every package can be had.
set_up() {
  rm -rf "${work}/bin" "${STATE}"
  mkdir -p "${work}/bin" "${STATE}"
  : >"${CALLS}"
  : >"${STATE}/installed"
  echo 0 >"${STATE}/uid"
  echo x86_64 >"${STATE}/machine"
  echo "bazel no_version" >"${STATE}/version"
  stub uname 'cat "${STATE}/machine"'
  stub id 'cat "${STATE}/uid"'
  stub bazel 'printf "%s\n" "$@" >"${STATE}/bazel_arguments"; exit "$(cat "${STATE}/bazel_exit" 2>/dev/null || echo 0)"'
  stub dpkg-query 'shift 2
    for package in "$@"; do
      if grep -qx "${package}" "${STATE}/installed"; then echo "${package} installed"
      elif grep -qx "${package}" "${STATE}/removed" 2>/dev/null; then echo "${package} config-files"
      else echo "no packages found matching ${package}" >&2; code=1; fi
    done
    exit "${code:-0}"'
  stub apt-get '[[ -e "${STATE}/$( [[ " $* " == *" update"* ]] && echo update || echo install )_fails" ]] && exit 100
    if [[ " $* " == *" install "* ]]; then
      for word in "$@"; do [[ "${word}" == -* || "${word}" == *=* || "${word}" == install ]] || echo "${word}" >>"${STATE}/installed"; done
    fi'
  # Being asked for its version is no call: it changes nothing.
  sed -i '2i [[ "$*" == --version ]] \&\& { cat "${STATE}/version"; exit; }' "${work}/bin/bazel"
  # What bash itself needs is built in; nothing else of the real system may be called.
  ln -s /bin/bash /bin/cat /bin/grep "${work}/bin/"
}

# run ARGUMENT...: runs the wrapper; leaves its exit code in $code and what it said in $said.
run() {
  said="$(env -i PATH="${work}/bin" CALLS="${CALLS}" STATE="${STATE}" \
    CONCURRENT_MAPS_BAZEL="${work}/bin/bazel" "${extra[@]}" /bin/bash "${wrapper}" "$@" 2>&1)"
  code=$?
}

check() {
  local what="$1"
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failures=$((failures + 1))
    printf 'FAILED: %s\n  exit code %s, said: %s\n  calls:\n' "${what}" "${code}" "${said}"
    sed 's/^/    /' "${CALLS}"
  fi
}

says() { [[ "${said}" == *"$1"* ]]; }
one_line() { [[ -n "${said}" && "${said}" != *$'\n'* ]]; }
called() { grep -q -- "$1" "${CALLS}"; }
not_called() { ! grep -q -- "$1" "${CALLS}"; }
exit_code_is() { [[ "${code}" == "$1" ]]; }
bazel_got() { [[ "$(cat "${STATE}/bazel_arguments" 2>/dev/null)" == "$(printf '%s\n' "$@")" ]]; }
calls_are() { [[ "$(wc -l <"${CALLS}")" == "$1" ]]; }

# The packages that packages.txt lists for Debian architecture $1.
listed() { sed -n -e '/^#/d' -e "s/^\([a-z0-9][^ ]*\)\( \[$1\]\)\?\$/\1/p" "${packages}"; }

extra=()

# Called by Bazel's launcher: run the real Bazel and look at nothing.
set_up
extra=(BAZEL_REAL="${work}/bin/bazel")
run test "//a b:c" --flag
check "BAZEL_REAL is run" exit_code_is 0
check "BAZEL_REAL gets the arguments as they are" bazel_got test "//a b:c" --flag
check "BAZEL_REAL: nothing else is called" calls_are 1
echo 3 >"${STATE}/bazel_exit"
run test //...
check "BAZEL_REAL: the exit code is Bazel's" exit_code_is 3

# What BAZEL_REAL and CONCURRENT_MAPS_BAZEL can name besides a Bazel: variable, path, part of the sentence.
ln -s "${wrapper}" "${work}/link_to_wrapper"
while read -r variable path sentence; do
  set_up
  listed amd64 >"${STATE}/installed"
  path="${path/WORK/${work}}"
  extra=("${variable}=${path/WRAPPER/${wrapper}}")
  run build //...
  check "${variable}=${path}: exit code" exit_code_is 1
  check "${variable}=${path}: one sentence" one_line
  check "${variable}=${path}: ${sentence}" says "${sentence}"
  check "${variable}=${path}: nothing is run" calls_are 0
done <<'END'
BAZEL_REAL WRAPPER names this wrapper itself
BAZEL_REAL WORK/link_to_wrapper names this wrapper itself
BAZEL_REAL WORK/nothing which is no program; name a real Bazel, or unset BAZEL_REAL.
BAZEL_REAL WORK which is no program
BAZEL_REAL /etc/passwd which is no program
CONCURRENT_MAPS_BAZEL WRAPPER names this wrapper itself
CONCURRENT_MAPS_BAZEL WORK/nothing which is no program; name a real Bazel, or unset CONCURRENT_MAPS_BAZEL.
CONCURRENT_MAPS_BAZEL WORK which is no program
END

# Versions: what Bazel says, and whether it is run.
while read -r said_version runs; do
  for variable in BAZEL_REAL CONCURRENT_MAPS_BAZEL; do
    set_up
    listed amd64 >"${STATE}/installed"
    echo "bazel ${said_version}" >"${STATE}/version"
    extra=("${variable}=${work}/bin/bazel")
    run test //...
    if [[ "${runs}" == yes ]]; then
      check "${variable} ${said_version}: is run" bazel_got test //...
    else
      check "${variable} ${said_version}: exit code" exit_code_is 1
      check "${variable} ${said_version}: one sentence" one_line
      check "${variable} ${said_version}: what works and how" says "this is Bazel ${said_version}, and from 7 on"
      check "${variable} ${said_version}: the command" \
        says "run env -u BAZEL_REAL -u CONCURRENT_MAPS_BAZEL tools/bazel"
      check "${variable} ${said_version}: is not run" test ! -e "${STATE}/bazel_arguments"
    fi
  done
done <<'END'
no_version yes
4.2.3 yes
6.5.0 yes
7.0.0 no
8.1.1 no
10.0.0-pre.20260101 no
END
extra=()

# Nothing missing.
set_up
listed amd64 >"${STATE}/installed"
run test "//a b:c"
check "complete machine: runs Bazel" bazel_got test "//a b:c"
check "complete machine: one question to dpkg" calls_are 3
check "complete machine: apt is left alone" not_called '^apt-get'
check "complete machine: says nothing" test -z "${said}"
echo 37 >"${STATE}/bazel_exit"
run build //...
check "complete machine: the exit code is Bazel's" exit_code_is 37

# A bare machine, as root.
set_up
run test //...
check "bare, root: runs Bazel in the end" bazel_got test //...
check "bare, root: exit code" exit_code_is 0
check "bare, root: refreshes the lists" called '^apt-get .*update$'
check "bare, root: refreshes them before it installs" \
  test "$(grep -n '^apt-get .*update$' "${CALLS}" | cut -d: -f1)" -lt "$(grep -n '^apt-get .*install' "${CALLS}" | cut -d: -f1)"
check "bare, root: installs everything listed" test "$(sort "${STATE}/installed")" = "$(listed amd64 | sort)"
check "bare, root: says what it does" says "installing $(listed amd64 | wc -l) missing Debian packages"
check "bare, root: the compiler for the other architecture" grep -qx g++-aarch64-linux-gnu "${STATE}/installed"
: >"${CALLS}"
run test //...
check "second call: one question to dpkg, then Bazel" calls_are 3

# Only one package missing, and one that was removed but left its configuration behind.
set_up
listed amd64 | grep -v -e '^qemu-user$' -e '^git$' >"${STATE}/installed"
echo git >"${STATE}/removed"
run info
check "two missing: installs these only" called '^apt-get .*install .* --no-remove qemu-user git$'

# The package list could not be refreshed, but the packages can be had.
set_up
touch "${STATE}/update_fails"
run info
check "update fails: installs nevertheless" exit_code_is 0
check "update fails: says so" says "update' failed"

# apt cannot install.
set_up
touch "${STATE}/install_fails"
run info
check "install fails: exit code" exit_code_is 1
check "install fails: names the command" says "run: apt-get install -y"
check "install fails: Bazel is not run" not_called '^bazel'

# Not root.
set_up
echo 1000 >"${STATE}/uid"
listed amd64 | grep -v '^qemu-user$' >"${STATE}/installed"
run test //...
check "not root: exit code" exit_code_is 1
check "not root: one sentence" one_line
check "not root: the exact command" \
  says "run: apt-get update && apt-get install -y --no-install-recommends --no-remove qemu-user"
check "not root: touches nothing" not_called '^apt-get'
check "not root: Bazel is not run" not_called '^bazel'

# Not Debian.
for absent in dpkg-query apt-get; do
  set_up
  rm "${work}/bin/${absent}"
  run test //...
  check "no ${absent}: exit code" exit_code_is 1
  check "no ${absent}: one sentence" one_line
  check "no ${absent}: says what is needed" says "use Debian 12"
done

# The other architectures.
set_up
echo aarch64 >"${STATE}/machine"
run info
check "ARM: the compiler for x86-64" grep -qx g++-x86-64-linux-gnu "${STATE}/installed"
check "ARM: not the one for itself" not_called 'g++-aarch64-linux-gnu'
echo riscv64 >"${STATE}/machine"
run info
check "another architecture: exit code" exit_code_is 1
check "another architecture: says which there are" says "x86_64 and aarch64 only"

# Everything is installed, yet Bazel is not where it belongs.
set_up
listed amd64 >"${STATE}/installed"
rm "${work}/bin/bazel"
run info
check "no Bazel: exit code" exit_code_is 1
check "no Bazel: says so" says "which is no program"

echo "${passed} checks passed, ${failures} failed"
((passed > 0 && failures == 0))
