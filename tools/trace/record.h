// SPDX-License-Identifier: Apache-2.0
//
// One operation of a trace, whatever file it came from.
#ifndef CMAP_TOOLS_TRACE_RECORD_H_
#define CMAP_TOOLS_TRACE_RECORD_H_

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "maps/concurrent_map.h"

namespace cmap::trace {

// A trace that cannot be read. what() is one sentence that names the place and the remedy.
class TraceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Record {
  // The bytes that identify the key; valid until the next record is read.
  std::string_view key = {};
  Op op = Op::kLoadOrStore;
  std::uint64_t time_ns = 0;  // non-decreasing; 0 where the format has no times
  std::uint64_t client = 0;   // equal for the same client or thread
  std::optional<std::uint64_t> key_bytes = {};
  std::optional<std::uint64_t> value_bytes = {};
  std::optional<bool> found = {};  // as the traced program saw it
};

// Which part of the program's operations is in the file.
struct Recording {
  enum class Of { kAll, kKeys, kOperations };
  Of of = Of::kAll;
  double rate = 1;  // the share of keys, or of operations
  // How many operations the program had done, recorded or not, before and after these ones;
  // where the file says so.
  struct Count {
    std::optional<std::uint64_t> ops;
    std::optional<std::uint64_t> lookups;
  };
  Count from;
  Count until;
  std::optional<std::uint64_t> total_ops() const { return Between(from.ops, until.ops); }
  std::optional<std::uint64_t> total_lookups() const {
    return Between(from.lookups, until.lookups);
  }

 private:
  static std::optional<std::uint64_t> Between(std::optional<std::uint64_t> a,
                                              std::optional<std::uint64_t> b) {
    if (!b || a.value_or(0) > *b) return std::nullopt;
    return *b - a.value_or(0);
  }
};

// What a file was taken for, and what it tells.
struct Description {
  std::string format = {};
  bool has_operations = true;  // otherwise every request is a LoadOrStore
  bool has_times = true;
  bool has_clients = true;
};

// One file being read.
class Parser {
 public:
  virtual ~Parser() = default;
  // False at the end. Throws TraceError.
  virtual bool Next(Record& record) = 0;
  const Description& description() const { return description_; }
  // Complete after the last record.
  const Recording& recording() const { return recording_; }

 protected:
  Description description_;
  Recording recording_;
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_RECORD_H_
