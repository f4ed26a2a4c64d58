// SPDX-License-Identifier: Apache-2.0
//
// 64 bits for a key. Two keys with the same bits are taken for one; of 10^8 keys
// that happens to a pair with probability 0.0003. The same on every architecture.
#ifndef CMAP_TOOLS_TRACE_KEY_HASH_H_
#define CMAP_TOOLS_TRACE_KEY_HASH_H_

#include <cstdint>
#include <string_view>

namespace cmap::trace {

std::uint64_t KeyHash(std::string_view key);

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_KEY_HASH_H_
