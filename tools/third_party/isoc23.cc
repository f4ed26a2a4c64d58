// SPDX-License-Identifier: Apache-2.0
//
// Since glibc 2.38 the headers give strtol this name in programs of the newest C and C++,
// where it reads "0b1" as well. Static libraries of Debian releases newer than the machine's
// ask for it; those linked here read decimal numbers, where there is no difference.
#include <cstdlib>

// Weak: a newer glibc has its own.
extern "C" [[gnu::weak]] long __isoc23_strtol(const char* text, char** end, int base) {
  return std::strtol(text, end, base);
}
