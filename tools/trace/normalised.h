// SPDX-License-Identifier: Apache-2.0
//
// The compact form of a trace, for replaying: FORMAT.md describes the bytes. The same trace
// gives the same bytes everywhere.
#ifndef CMAP_TOOLS_TRACE_NORMALISED_H_
#define CMAP_TOOLS_TRACE_NORMALISED_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tools/trace/key_index.h"
#include "tools/trace/record.h"

namespace cmap::trace {

// One operation of the compact form.
struct Step {
  Op op;
  std::uint32_t key;          // numbered in the order in which keys are first asked for
  std::uint32_t client;       // likewise
  std::uint64_t time_ns;      // since the first operation
  std::uint64_t value_bytes;  // 0: unknown
  std::uint64_t key_bytes;    // of the key, 0: unknown
};

class NormalisedWriter {
 public:
  // Creates `path` under another name, which Finish() changes. Throws TraceError.
  explicit NormalisedWriter(const std::string& path);
  ~NormalisedWriter();
  NormalisedWriter(const NormalisedWriter&) = delete;
  NormalisedWriter& operator=(const NormalisedWriter&) = delete;

  void Add(const Record& record, std::uint64_t key_hash);
  // Completes the file. Without it there is none.
  void Finish(const Description& description);

 private:
  void Flush();
  [[noreturn]] void ThrowWriteError();

  std::string path_;
  std::string partial_path_;
  std::FILE* file_;
  std::vector<char> buffer_;
  KeyIndex keys_;
  KeyIndex clients_;
  std::uint64_t ops_ = 0;
  std::uint64_t start_ns_ = 0;
  std::uint64_t time_ns_ = 0;
  std::uint32_t client_ = 0;
  std::uint64_t value_bytes_ = 0;
  std::uint64_t bytes_ = 0;
  struct Checksum;
  std::unique_ptr<Checksum> checksum_;
};

// Reads a compact trace. Throws TraceError for a file that is none, is cut or was changed.
class NormalisedReader {
 public:
  explicit NormalisedReader(const std::string& path);
  ~NormalisedReader();

  // False at the end.
  bool Next(Step& step);

  std::uint64_t ops() const;
  std::uint64_t keys() const;     // all key numbers are below
  std::uint64_t clients() const;  // at least 1
  bool has_operations() const;
  bool has_times() const;
  bool has_clients() const;

 private:
  friend class NormalisedTrace;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_NORMALISED_H_
