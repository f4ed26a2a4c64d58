// SPDX-License-Identifier: Apache-2.0
//
// Reads a trace of one file or of several that follow each other, in any format that
// README.md lists, recognising the format by the content.
#ifndef CMAP_TOOLS_TRACE_READER_H_
#define CMAP_TOOLS_TRACE_READER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/trace/record.h"

namespace cmap::trace {

struct ReadOptions {
  // A name of kFormatNames to take every file for; empty: by content.
  std::string format;
  // libCacheSim's column parameters, for "csv" and "binary".
  std::string columns;
  // Takes the order of the lines for the order of the operations, whatever their times say.
  bool ignore_times = false;
};

// As --format knows them.
inline constexpr std::array<std::string_view, 11> kFormatNames = {
    "own_csv", "json_lines", "twitter", "cachelib", "oracle_general", "csv", "binary",
    "txt",     "arc",        "lirs",    "ycsb"};

// Recognises and opens one file. Throws TraceError.
std::unique_ptr<Parser> OpenTrace(const std::string& path, const ReadOptions& options);

class TraceReader {
 public:
  // Throws TraceError, also later for files that are opened later.
  TraceReader(std::vector<std::string> paths, ReadOptions options);

  // False at the end. Throws TraceError, also for a trace without any operation.
  bool Next(Record& record);

  // Complete after the first record. No times when they are ignored.
  Description description() const {
    Description description = parser_->description();
    description.has_times = description.has_times && !options_.ignore_times;
    return description;
  }
  // Complete after the last record.
  const Recording& recording() const { return recording_; }

 private:
  bool NextFile();
  void CheckTime(const Record& record);

  std::vector<std::string> paths_;
  ReadOptions options_;
  std::size_t next_path_ = 0;
  std::unique_ptr<Parser> parser_;
  std::string format_;  // of the files before this one
  Recording recording_;
  std::uint64_t records_ = 0;
  std::uint64_t records_of_file_ = 0;
  std::uint64_t time_ns_ = 0;
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_READER_H_
