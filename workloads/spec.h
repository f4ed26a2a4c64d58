// SPDX-License-Identifier: Apache-2.0
//
// A workload is data. Spec is the checked form of the JSON object that travels
// from the catalogue through the orchestrator to the worker and into the
// results:
//
//   {"keys": {"stream": "zipf", "theta": 1.2},
//    "mix": {"load": 80, "store": 20},          percent, summing to 100
//    "population": 10000,                       distinct keys of the universe
//    "prefill": 1.0,                            or "auto"
//    "regime": "stationary",
//    "ops": 100000,                             per slice, all threads
//    "key_type": "u64", "key_bytes": 32, "key_layout": "mixed",
//    "value_type": "u64", "value_bytes": 32,
//    "hash": "mixed", "miss": 0, "start": "settled"}
//
// Values are u64, inline (64, 256, 1024 or 4096 bytes in the entry itself) or string;
// value_bytes is the length of the latter two. `key_layout` says which integers the keys
// are (keys.h): mixed, sequential, strided (by `key_stride`, a power of two, 64), high_bits
// or low_entropy. `hash` is mixed (the study's own),
// identity (integers), std (std::hash) or fnv1a. `miss` is the percentage of the
// loads that ask for a key which is never there, as popular as the key in whose
// place it is asked for. `start` says what a map that was filled by plain stores is
// like when the clock starts: settled (its Size was asked for, which makes it do what
// it has put off, and it has played a discarded slice) or as_filled.
//
// Key streams and their fields:
//   uniform
//   zipf            theta (> 0; 0 is accepted and means uniform)
//   hot_set         hot_fraction, hot_share
//   sequential_new  every operation asks for a key never asked for before
//   krr             reuse, choice (uniform | zipf | stack_distance), theta,
//                   sharing (private | shared)
//
// Regimes:
//   stationary      the map is prefilled once per block and slices continue
//                   along the tape, which is cyclic. With the krr stream,
//                   `population` keys are live at any time and each new key
//                   is preceded by the deletion of a live one (so the mix
//                   holds no deleting operation).
//   growth          every slice starts from a new, empty map
//   reserved        the same, with Reserve(final size) before timing
//   fixed_distinct  like growth, but the number of distinct keys is `ops` and
//                   the number of operations follows: ops / (1 - reuse)
// `prefill` matters only to the stationary regime; the others start empty.
#ifndef CMAP_WORKLOADS_SPEC_H_
#define CMAP_WORKLOADS_SPEC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "maps/concurrent_map.h"

namespace cmap::workloads {

// A specification that cannot be used. what() is one sentence that names the
// field and the remedy.
class SpecError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The operations a tape can hold: the point operations, kLoad up to and
// including kLoadOrCompute, which come first in kOpNames.
inline constexpr std::size_t kPointOps =
    static_cast<std::size_t>(Op::kLoadOrCompute) + 1;

// Bits of a tape entry left for the key index, and the largest universe.
inline constexpr int kIndexBits = 28;
inline constexpr std::uint64_t kMaxKeys = std::uint64_t{1} << kIndexBits;

enum class Stream { kUniform, kZipf, kHotSet, kSequentialNew, kKrr };
enum class Choice { kUniform, kZipf, kStackDistance };
enum class Sharing { kPrivate, kShared };
enum class Regime { kStationary, kGrowth, kReserved, kFixedDistinct };
enum class KeyType { kU64, kString };
enum class ValueType { kU64, kString, kInline };
enum class KeyLayout { kMixed, kSequential, kStrided, kHighBits, kLowEntropy };
enum class HashKind { kMixed, kIdentity, kStd, kFnv1a };
enum class Start { kSettled, kAsFilled };

// The lengths of inline values: each is a type of its own.
inline constexpr std::array<std::uint32_t, 4> kInlineBytes = {64, 256, 1024, 4096};

// The longest stride with which kMaxKeys keys of 64 bits differ.
inline constexpr std::uint64_t kLongestStride = std::uint64_t{1} << (64 - kIndexBits);

std::string_view StreamName(Stream stream);
std::string_view ChoiceName(Choice choice);
std::string_view SharingName(Sharing sharing);
std::string_view RegimeName(Regime regime);
std::string_view KeyTypeName(KeyType type);
std::string_view ValueTypeName(ValueType type);
std::string_view KeyLayoutName(KeyLayout layout);
std::string_view HashName(HashKind hash);

struct KeySpec {
  Stream stream = Stream::kUniform;
  double theta = 0.99;         // zipf; krr with a zipf or stack_distance choice
  double hot_fraction = 0;     // hot_set: share of the population that is hot
  double hot_share = 0;        // hot_set: share of operations on hot keys
  double reuse = 0;            // krr: 1 - distinct keys / requests
  Choice choice = Choice::kUniform;    // krr: which seen key is asked again
  Sharing sharing = Sharing::kPrivate;  // krr: whose keys are asked again

  friend bool operator==(const KeySpec&, const KeySpec&) = default;
};

struct Spec {
  KeySpec keys;
  std::array<double, kPointOps> mix{100.0};  // percent, indexed by Op
  std::uint64_t population = 10000;
  std::optional<double> prefill;  // share of the population; empty: "auto"
  Regime regime = Regime::kStationary;
  std::uint64_t ops = 0;  // per slice over all threads; 0: worker calibrates
  KeyType key_type = KeyType::kU64;
  std::uint32_t key_bytes = 32;  // length of string keys
  KeyLayout key_layout = KeyLayout::kMixed;  // of integer keys
  std::uint64_t key_stride = 64;  // of strided ones
  ValueType value_type = ValueType::kU64;
  std::uint32_t value_bytes = 32;  // length of string and inline values
  HashKind hash = HashKind::kMixed;
  double miss = 0;  // percent of the loads
  Start start = Start::kSettled;

  // Throws SpecError for anything unknown, missing or out of range.
  static Spec FromJson(const nlohmann::json& json);
  // The same from text; a syntax error is a SpecError as well.
  static Spec Parse(std::string_view text);
  // FromJson(ToJson()) is the same Spec.
  nlohmann::json ToJson() const;

  double share(Op op) const { return mix[static_cast<std::size_t>(op)]; }

  // The share of the population present when a slice (growth-like regimes:
  // always 0) or a block starts. "auto" is the equilibrium of the mix,
  // inserting / (inserting + deleting), and 1 when it has neither. Streams
  // that make their own keys start empty, except stationary krr, whose whole
  // live population is present.
  double PrefillShare() const;

  // True when every slice starts from a new, empty map.
  bool StartsEmpty() const { return regime != Regime::kStationary; }

  // True for krr in the stationary regime, whose tape pairs every new key
  // with the deletion of a live one.
  bool PairsDeletes() const {
    return keys.stream == Stream::kKrr && regime == Regime::kStationary;
  }

  friend bool operator==(const Spec&, const Spec&) = default;
};

// Operations that leave the key present whatever they find, and operations
// that can leave it absent.
bool IsInserting(Op op);
bool IsDeleting(Op op);

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SPEC_H_
