// SPDX-License-Identifier: Apache-2.0
//
// Traces as files of a test, and what is read from them.
#ifndef CMAP_TOOLS_TRACE_TESTING_TRACE_FILE_H_
#define CMAP_TOOLS_TRACE_TESTING_TRACE_FILE_H_

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tools/trace/reader.h"
#include "tools/trace/record.h"

namespace cmap::trace::testing {

inline std::string TestPath(const std::string& name) {
  const char* folder = std::getenv("TEST_TMPDIR");
  return std::string(folder == nullptr ? "/tmp" : folder) + '/' + name;
}

inline std::string WriteFile(const std::string& name, std::string_view bytes) {
  const std::string path = TestPath(name);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A record that owns its key.
struct OwnedRecord {
  explicit OwnedRecord(const Record& from) : record(from), key(from.key) {}
  Record record;
  std::string key;
};

struct ReadTrace {
  Description description;
  Recording recording;
  std::vector<OwnedRecord> records;
};

inline ReadTrace ReadAll(const std::vector<std::string>& paths, const ReadOptions& options = {}) {
  TraceReader reader(paths, options);
  ReadTrace trace;
  Record record;
  while (reader.Next(record)) trace.records.emplace_back(record);
  trace.description = reader.description();
  trace.recording = reader.recording();
  return trace;
}

}  // namespace cmap::trace::testing

#endif  // CMAP_TOOLS_TRACE_TESTING_TRACE_FILE_H_
