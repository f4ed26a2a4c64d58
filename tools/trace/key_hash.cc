// SPDX-License-Identifier: Apache-2.0
#include "tools/trace/key_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cmap::trace {

std::uint64_t KeyHash(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

}  // namespace cmap::trace
