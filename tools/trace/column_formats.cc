// SPDX-License-Identifier: Apache-2.0
//
// libCacheSim's formats: CSV and binary with columns named by parameters, and oracleGeneral.
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tools/trace/parsers.h"
#include "tools/trace/text_parser.h"

namespace cmap::trace {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

struct Columns {
  std::size_t time = 0;  // from 1; 0: none
  std::size_t key = 0;
  std::size_t size = 0;
  std::size_t op = 0;
  bool key_is_number = false;
  bool has_header = false;
  char delimiter = ',';
  std::string format;  // of binary records
};

[[noreturn]] void Refuse(const std::string& what) {
  throw TraceError("--columns: " + what +
                   "; write e.g. --columns 'time-col=2,obj-id-col=5,obj-size-col=4,"
                   "delimiter=,,has-header'");
}

bool IsTrue(std::string_view value) {
  return value.empty() || value == "true" || value == "True" || value == "1";
}

std::size_t ColumnNumber(std::string_view name, std::string_view value) {
  if (!IsNumber(value) || value.size() > 3 || value == "0") {
    Refuse(std::string(name) + '=' + Quoted(value) + " is not a column, counted from 1");
  }
  return ParseNumber(value, name);
}

Columns ParseColumns(std::string_view text) {
  Columns columns;
  while (!text.empty()) {
    // The delimiter may be the comma that separates parameters.
    if (text.starts_with("delimiter=") && text.size() > 10) {
      columns.delimiter = text.substr(10).starts_with("\\t") ? '\t' : text[10];
      text.remove_prefix(text.substr(10).starts_with("\\t") ? 12 : 11);
      if (text.starts_with(',')) text.remove_prefix(1);
      continue;
    }
    std::string_view value = TakeField(text, ',');
    const std::string_view name = TakeField(value, '=');
    if (name == "time-col") {
      columns.time = ColumnNumber(name, value);
    } else if (name == "obj-id-col") {
      columns.key = ColumnNumber(name, value);
    } else if (name == "obj-size-col") {
      columns.size = ColumnNumber(name, value);
    } else if (name == "op-col") {
      columns.op = ColumnNumber(name, value);
    } else if (name == "obj-id-is-num") {
      columns.key_is_number = IsTrue(value);
    } else if (name == "has-header") {
      columns.has_header = IsTrue(value);
    } else if (name == "format") {
      columns.format = value;
    } else {
      Refuse(Quoted(name) + " is not a parameter");
    }
  }
  if (columns.key == 0) Refuse("obj-id-col is missing");
  return columns;
}

class ColumnsCsv final : public LineParser {
 public:
  ColumnsCsv(InputPtr input, const Columns& columns)
      : LineParser(std::move(input), "CSV with named columns"),
        columns_(columns),
        skip_(columns.has_header) {
    description_.has_times = columns.time != 0;
    description_.has_operations = columns.op != 0;
    description_.has_clients = false;
  }

 private:
  std::uint64_t ParseLine(std::string_view line, Record& record) override {
    if (line.empty()) return 0;
    if (std::exchange(skip_, false)) return 0;
    SplitFields(line, columns_.delimiter, fields_);
    record = Record();
    record.key = Field(columns_.key);
    if (record.key.empty()) throw BadLine("the key is empty");
    record.key_bytes = record.key.size();
    if (columns_.key_is_number) {
      number_ = ParseNumber(record.key, "object id");
      record.key = {reinterpret_cast<const char*>(&number_), sizeof number_};
      record.key_bytes = sizeof number_;
    }
    if (columns_.time != 0) record.time_ns = ParseTime(Field(columns_.time), kSecond);
    if (columns_.size != 0) record.value_bytes = ParseNumber(Field(columns_.size), "size");
    if (columns_.op != 0) record.op = ParseOp(Field(columns_.op));
    return 1;
  }

  std::string_view Field(std::size_t column) const {
    if (column > fields_.size()) {
      throw BadLine("has " + std::to_string(fields_.size()) +
                    " fields, --columns asks for number " + std::to_string(column));
    }
    return fields_[column - 1];
  }

  Columns columns_;
  bool skip_;
  std::vector<std::string_view> fields_;
  std::uint64_t number_ = 0;
};

std::uint64_t LittleEndian(const char* from, std::size_t n) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < n; ++i) {
    number |= std::uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
  }
  return number;
}

struct Place {
  std::size_t offset = 0;
  std::size_t bytes = 0;  // 0: the record has no such field
};

// Records of a fixed length; where their fields are.
class FixedRecords final : public Parser {
 public:
  FixedRecords(InputPtr input, std::string format, std::size_t length, Place time, Place key,
               Place size)
      : input_(std::move(input)), length_(length), time_(time), key_(key), size_(size) {
    description_.format = std::move(format);
    description_.has_operations = description_.has_clients = false;
    description_.has_times = time.bytes != 0;
  }

  bool Next(Record& record) override {
    const std::string_view bytes = input_->Take(length_);
    if (bytes.empty()) return false;
    if (bytes.size() < length_) {
      throw TraceError(input_->path() + ", read as " + description_.format + ", ends after " +
                       std::to_string(bytes.size()) + " of the " + std::to_string(length_) +
                       " bytes of record " + std::to_string(records_ + 1) +
                       "; it is truncated: copy it again, or leave these bytes out");
    }
    ++records_;
    record = Record();
    record.key = bytes.substr(key_.offset, key_.bytes);
    record.key_bytes = key_.bytes;
    if (time_.bytes != 0) {
      const std::uint64_t seconds = Number(bytes, time_);
      if (seconds > std::numeric_limits<std::uint64_t>::max() / kSecond) {
        throw TraceError(input_->path() + ", read as " + description_.format + ", record " +
                         std::to_string(records_) + ": the time " + std::to_string(seconds) +
                         " s is beyond 2^64 ns; name the right columns, or none for the time");
      }
      record.time_ns = seconds * kSecond;
    }
    if (size_.bytes != 0) record.value_bytes = Number(bytes, size_);
    return true;
  }

 private:
  static std::uint64_t Number(std::string_view bytes, Place place) {
    return LittleEndian(bytes.data() + place.offset, place.bytes);
  }

  InputPtr input_;
  std::size_t length_;
  Place time_, key_, size_;
  std::uint64_t records_ = 0;
};

// A record's layout as Python's struct module writes it, little-endian, e.g. "<IQHq".
std::vector<Place> Layout(std::string_view format, std::size_t& length) {
  if (!format.starts_with('<')) Refuse("format=" + Quoted(format) + " does not begin with <");
  std::vector<Place> places;
  length = 0;
  for (const char c : format.substr(1)) {
    std::size_t bytes = 0;
    switch (c) {
      case 'b':
      case 'B':
        bytes = 1;
        break;
      case 'h':
      case 'H':
        bytes = 2;
        break;
      case 'i':
      case 'I':
      case 'l':
      case 'L':
        bytes = 4;
        break;
      case 'q':
      case 'Q':
        bytes = 8;
        break;
      default:
        Refuse(std::string("format has the letter '") + c + "', which is none of bBhHiIlLqQ");
    }
    places.push_back({length, bytes});
    length += bytes;
  }
  return places;
}

}  // namespace

ParserPtr ColumnsCsvParser(InputPtr input, std::string_view columns) {
  return std::make_unique<ColumnsCsv>(std::move(input), ParseColumns(columns));
}

ParserPtr ColumnsBinaryParser(InputPtr input, std::string_view text) {
  const Columns columns = ParseColumns(text);
  std::size_t length = 0;
  const std::vector<Place> places = Layout(columns.format, length);
  const auto place = [&](std::size_t column) {
    if (column > places.size()) {
      Refuse("column " + std::to_string(column) + " is beyond format=" + columns.format);
    }
    return column == 0 ? Place{} : places[column - 1];
  };
  return std::make_unique<FixedRecords>(std::move(input), "binary with named columns", length,
                                        place(columns.time), place(columns.key),
                                        place(columns.size));
}

// u32 time, u64 id, u32 size, i64 next access.
ParserPtr OracleGeneralParser(InputPtr input) {
  return std::make_unique<FixedRecords>(std::move(input), "oracleGeneral", 24, Place{0, 4},
                                        Place{4, 8}, Place{12, 4});
}

bool LooksLikeOracleGeneral(std::string_view head) {
  constexpr std::size_t kLength = 24;
  const std::size_t records = head.size() / kLength;
  if (records == 0) return false;
  std::uint64_t time = 0;
  for (std::size_t i = 0; i < records; ++i) {
    const char* record = head.data() + i * kLength;
    const std::uint64_t now = LittleEndian(record, 4);
    const auto next = static_cast<std::int64_t>(LittleEndian(record + 16, 8));
    // The next access is a later request, or none: -1, or the largest number.
    const bool later = next > static_cast<std::int64_t>(i);
    if (now < time || !(later || next == -1)) return false;
    time = now;
  }
  return true;
}

}  // namespace cmap::trace
