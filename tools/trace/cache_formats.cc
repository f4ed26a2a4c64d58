// SPDX-License-Identifier: Apache-2.0
//
// Text formats of others: Twitter's and CacheLib's cache traces, YCSB's basic output, ARC, LIRS,
// one key a line.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tools/trace/parsers.h"
#include "tools/trace/text_parser.h"

namespace cmap::trace {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// time, key, key size, value size, client, operation, TTL. Keys may hold commas.
class Twitter final : public LineParser {
 public:
  explicit Twitter(InputPtr input) : LineParser(std::move(input), "Twitter cache trace") {}

  // Cuts the line into seven fields; false when it has fewer.
  static bool Cut(std::string_view line, std::string_view (&fields)[7]) {
    const std::size_t first = line.find(',');
    if (first == std::string_view::npos) return false;
    fields[0] = line.substr(0, first);
    line.remove_prefix(first + 1);
    for (std::size_t i = 6; i > 1; --i) {
      const std::size_t comma = line.rfind(',');
      if (comma == std::string_view::npos) return false;
      fields[i] = line.substr(comma + 1);
      line = line.substr(0, comma);
    }
    fields[1] = line;
    return true;
  }

 private:
  std::uint64_t ParseLine(std::string_view line, Record& record) override {
    if (line.empty()) return 0;
    std::string_view fields[7];
    if (!Cut(line, fields)) throw BadLine("has fewer than 7 fields");
    if (fields[1].empty()) throw BadLine("the key is empty");
    record = Record();
    record.time_ns = ParseTime(fields[0], kSecond);
    record.key = fields[1];
    record.key_bytes = ParseNumber(fields[2], "key size");
    record.value_bytes = ParseNumber(fields[3], "value size");
    record.client = ClientNumber(fields[4]);
    record.op = ParseOp(fields[5]);
    return 1;
  }
};

// Columns by name; a line stands for op_count operations.
class CacheLib final : public LineParser {
 public:
  explicit CacheLib(InputPtr input) : LineParser(std::move(input), "CacheLib kvcache trace") {
    description_.has_clients = false;
  }

 private:
  std::uint64_t ParseLine(std::string_view line, Record& record) override {
    if (line.empty()) return 0;
    SplitFields(line, ',', fields_);
    if (columns_ == 0) {
      ReadHeader();
      return 0;
    }
    if (fields_.size() != columns_) {
      throw BadLine("has " + std::to_string(fields_.size()) + " fields, the header " +
                    std::to_string(columns_));
    }
    record = Record();
    record.key = fields_[key_];
    if (record.key.empty()) throw BadLine("the key is empty");
    if (time_ >= 0) record.time_ns = ParseTime(fields_[static_cast<std::size_t>(time_)], kSecond);
    record.op = ParseOp(fields_[op_]);
    record.value_bytes = ParseNumber(fields_[size_], "size");
    record.key_bytes = record.key.size();
    if (key_size_ >= 0) {
      record.key_bytes = ParseNumber(fields_[static_cast<std::size_t>(key_size_)], "key_size");
    }
    return count_ < 0 ? 1 : ParseNumber(fields_[static_cast<std::size_t>(count_)], "op_count");
  }

  void ReadHeader() {
    const auto column = [&](std::string_view name) {
      const auto at = std::find(fields_.begin(), fields_.end(), name);
      return at == fields_.end() ? -1 : static_cast<int>(at - fields_.begin());
    };
    const auto required = [&](std::string_view name) {
      if (column(name) < 0) throw BadLine("the header lacks the column " + std::string(name));
      return static_cast<std::size_t>(column(name));
    };
    columns_ = fields_.size();
    key_ = required("key");
    op_ = required("op");
    size_ = required("size");
    time_ = column("op_time");
    key_size_ = column("key_size");
    count_ = column("op_count");
    description_.has_times = time_ >= 0;
  }

  std::vector<std::string_view> fields_;
  std::size_t columns_ = 0;
  std::size_t key_ = 0;
  std::size_t op_ = 0;
  std::size_t size_ = 0;
  int time_ = -1;
  int key_size_ = -1;
  int count_ = -1;
};

// Formats that hold keys and nothing else.
class KeysOnly : public LineParser {
 protected:
  KeysOnly(InputPtr input, std::string format) : LineParser(std::move(input), std::move(format)) {
    description_.has_operations = description_.has_times = description_.has_clients = false;
  }
};

class Txt final : public KeysOnly {
 public:
  explicit Txt(InputPtr input) : KeysOnly(std::move(input), "one key a line") {}

 private:
  std::uint64_t ParseLine(std::string_view line, Record& record) override {
    if (line.empty()) return 0;
    record = Record();
    record.key = line;
    record.key_bytes = line.size();
    return 1;
  }
};

class Lirs final : public KeysOnly {
 public:
  explicit Lirs(InputPtr input) : KeysOnly(std::move(input), "LIRS trace") {}

 private:
  std::uint64_t ParseLine(std::string_view line, Record& record) override {
    const std::string_view number = TakeWord(line);
    if (number.empty() || number.front() == '*') return 0;
    if (!line.empty()) throw BadLine("holds more than one number");
    ParseNumber(number, "block");
    record = Record();
    record.key = number;
    return 1;
  }
};

// "start count ...": count keys from start on.
class Arc final : public KeysOnly {
 public:
  explicit Arc(InputPtr input) : KeysOnly(std::move(input), "ARC trace") {}

 private:
  std::uint64_t ParseLine(std::string_view line, Record& record) override {
    const std::string_view start = TakeWord(line);
    if (start.empty()) return 0;
    const std::string_view count = TakeWord(line);
    if (count.empty()) throw BadLine("holds one number instead of start and count");
    block_ = ParseNumber(start, "start");
    record = Record();
    SetKey(record);
    return ParseNumber(count, "count");
  }

  void Advance(Record& record) override {
    ++block_;
    SetKey(record);
  }

  void SetKey(Record& record) {
    record.key = {reinterpret_cast<const char*>(&block_), sizeof block_};
  }

  std::uint64_t block_ = 0;
};

// What YCSB prints around its operations: properties and results.
bool IsYcsbNoise(std::string_view line) {
  return line.empty() || line.front() == '*' || line.front() == '"' || line.front() == '[' ||
         line.starts_with("Command line:") || line.starts_with("YCSB Client") ||
         line.starts_with("Loading workload") || line.starts_with("Starting test") ||
         line.starts_with("DBWrapper:");
}

class Ycsb final : public LineParser {
 public:
  explicit Ycsb(InputPtr input) : LineParser(std::move(input), "YCSB basic output") {
    description_.has_times = description_.has_clients = false;
  }

 private:
  std::uint64_t ParseLine(std::string_view line, Record& record) override {
    if (IsYcsbNoise(line)) return 0;
    const std::string_view op = TakeWord(line);
    if (op == "SCAN") throw BadLine("SCAN asks for many keys, which a map cannot do");
    const std::string_view table = TakeWord(line);
    record = Record();
    record.op = ParseOp(op);
    record.key = TakeWord(line);
    if (table.empty() || record.key.empty()) throw BadLine("lacks a table or a key");
    record.key_bytes = record.key.size();
    return 1;
  }
};

}  // namespace

ParserPtr TwitterParser(InputPtr input) { return std::make_unique<Twitter>(std::move(input)); }
ParserPtr CacheLibParser(InputPtr input) { return std::make_unique<CacheLib>(std::move(input)); }
ParserPtr TxtParser(InputPtr input) { return std::make_unique<Txt>(std::move(input)); }
ParserPtr ArcParser(InputPtr input) { return std::make_unique<Arc>(std::move(input)); }
ParserPtr LirsParser(InputPtr input) { return std::make_unique<Lirs>(std::move(input)); }
ParserPtr YcsbParser(InputPtr input) { return std::make_unique<Ycsb>(std::move(input)); }

bool LooksLikeCacheLib(std::string_view line) {
  std::vector<std::string_view> fields;
  SplitFields(line, ',', fields);
  const auto is = [&](std::string_view name) {
    return std::find(fields.begin(), fields.end(), name) != fields.end();
  };
  return is("key") && (is("op_time") || is("op_count") || is("cache_hits"));
}

bool LooksLikeTwitter(std::string_view line) {
  std::string_view fields[7];
  return Twitter::Cut(line, fields) && OpNamed(fields[5]).has_value() && IsNumber(fields[2]) &&
         IsNumber(fields[3]);
}

bool LooksLikeYcsb(std::string_view line) {
  const std::string_view op = TakeWord(line);
  const bool known =
      op == "READ" || op == "INSERT" || op == "UPDATE" || op == "DELETE" || op == "SCAN";
  return known && !TakeWord(line).empty() && !TakeWord(line).empty();
}

bool LooksLikeArc(std::string_view line) {
  const std::string_view start = TakeWord(line);
  const std::string_view count = TakeWord(line);
  return IsNumber(start) && IsNumber(count);
}

}  // namespace cmap::trace
