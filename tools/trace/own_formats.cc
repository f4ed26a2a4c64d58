// SPDX-License-Identifier: Apache-2.0
//
// The project's own formats: CSV, with or without a header, and JSON lines.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tools/trace/parsers.h"
#include "tools/trace/text_parser.h"

namespace cmap::trace {
namespace {

enum class Field { kTime, kThread, kOp, kKey, kSize, kKeySize, kFound };

struct NamedField {
  std::string_view name;
  Field field;
  std::uint64_t unit_ns;  // of times
};

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr NamedField kFields[] = {
    {"time", Field::kTime, kSecond}, {"time_ns", Field::kTime, 1},
    {"time_us", Field::kTime, 1000}, {"time_ms", Field::kTime, 1'000'000},
    {"thread", Field::kThread, 0},   {"client", Field::kThread, 0},
    {"operation", Field::kOp, 0},    {"op", Field::kOp, 0},
    {"key", Field::kKey, 0},         {"size", Field::kSize, 0},
    {"value_size", Field::kSize, 0}, {"key_size", Field::kKeySize, 0},
    {"found", Field::kFound, 0},
};

const NamedField* FieldNamed(std::string_view name) {
  for (const NamedField& field : kFields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

// Columns of a file without header.
constexpr std::array<std::string_view, 5> kPlainColumns = {"time", "thread", "operation", "key",
                                                           "size"};

void SetField(const NamedField& field, std::string_view text, Record& record) {
  switch (field.field) {
    case Field::kTime:
      record.time_ns = ParseTime(text, field.unit_ns);
      break;
    case Field::kThread:
      record.client = ClientNumber(text);
      break;
    case Field::kOp:
      record.op = ParseOp(text);
      break;
    case Field::kKey:
      record.key = text;
      break;
    case Field::kSize:
      if (!text.empty()) record.value_bytes = ParseNumber(text, "size");
      break;
    case Field::kKeySize:
      if (!text.empty()) record.key_bytes = ParseNumber(text, "key size");
      break;
    case Field::kFound:
      if (text == "1" || text == "true") record.found = true;
      if (text == "0" || text == "false") record.found = false;
      break;
  }
}

// What has to be known of a record besides what it holds: a key.
void Complete(Record& record, bool has_key_size) {
  if (record.key.empty()) throw BadLine("the key is empty");
  if (!has_key_size) record.key_bytes = record.key.size();
}

// "#trace recorded=keys rate=0.01", "#from operations=0 lookups=0" and "#total operations=12
// lookups=10" are notes of the recorder (sampled_map.h): what was recorded, and how many operations
// there were before the file and up to this line. Other lines that begin with # are comments.
void ReadNote(std::string_view note, Recording& recording) {
  const std::string_view kind = TakeWord(note);
  if (kind != "#trace" && kind != "#from" && kind != "#total") return;
  Recording::Count& count = kind == "#from" ? recording.from : recording.until;
  while (!note.empty()) {
    std::string_view value = TakeWord(note);
    const std::string_view name = TakeField(value, '=');
    if (name == "recorded" && value == "keys") recording.of = Recording::Of::kKeys;
    if (name == "recorded" && value == "operations") recording.of = Recording::Of::kOperations;
    if (name == "rate") {
      recording.rate = std::strtod(std::string(value).c_str(), nullptr);
      if (!(recording.rate > 0 && recording.rate <= 1)) {
        throw BadLine("the recorded rate " + Quoted(value) + " is not in (0, 1]");
      }
    }
    if (name == "operations") count.ops = ParseNumber(value, "number of operations");
    if (name == "lookups") count.lookups = ParseNumber(value, "number of look-ups");
  }
}

class OwnCsv final : public LineParser {
 public:
  explicit OwnCsv(InputPtr input) : LineParser(std::move(input), "own CSV") {
    description_.has_times = description_.has_clients = false;
  }

 private:
  std::uint64_t ParseLine(std::string_view line, Record& record) override {
    if (line.empty()) return 0;
    if (line.front() == '#') {
      ReadNote(line, recording_);
      return 0;
    }
    if (columns_.empty()) {
      if (ReadHeader(line)) return 0;
    }
    SplitFields(line, ',', fields_);
    if (fields_.size() != columns_.size() &&
        !(size_may_lack_ && fields_.size() + 1 == columns_.size())) {
      throw BadLine("has " + std::to_string(fields_.size()) + " fields instead of " +
                    std::to_string(columns_.size()) + " (a comma within a key is written %2C)");
    }
    record = Record();
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (columns_[i] != nullptr) SetField(*columns_[i], fields_[i], record);
    }
    Complete(record, has_key_size_);
    return 1;
  }

  // Whether the first line is a header; otherwise columns are the plain ones.
  bool ReadHeader(std::string_view line) {
    SplitFields(line, ',', fields_);
    const bool header =
        std::any_of(fields_.begin(), fields_.end(), [](auto f) { return f == "key"; });
    if (header) {
      for (const std::string_view name : fields_) columns_.push_back(FieldNamed(name));
    } else {
      for (const std::string_view name : kPlainColumns) columns_.push_back(FieldNamed(name));
      size_may_lack_ = true;
    }
    bool has_op = false;
    for (const NamedField* column : columns_) {
      if (column == nullptr) continue;
      has_op |= column->field == Field::kOp;
      description_.has_times |= column->field == Field::kTime;
      description_.has_clients |= column->field == Field::kThread;
      has_key_size_ |= column->field == Field::kKeySize;
    }
    description_.has_operations = has_op;
    return header;
  }

  std::vector<const NamedField*> columns_;  // null for those nobody asks for
  std::vector<std::string_view> fields_;
  bool size_may_lack_ = false;
  bool has_key_size_ = false;
};

// Takes a flat object apart without building it.
class ObjectReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  void Reset(Record& record) {
    record_ = &record;
    depth_ = 0;
    has_op = has_time = has_thread = has_key_size = false;
    bad.clear();
  }
  bool key(string_t& name) override {
    field_ = depth_ == 1 ? FieldNamed(name) : nullptr;
    return true;
  }
  bool string(string_t& text) override { return Scalar(text); }
  bool number_unsigned(number_unsigned_t number) override { return Scalar(std::to_string(number)); }
  bool number_integer(number_integer_t number) override { return Scalar(std::to_string(number)); }
  // The text is what the file says, without the rounding of a double.
  bool number_float(number_float_t, const string_t& text) override { return Scalar(text); }
  bool boolean(bool value) override { return Scalar(value ? "true" : "false"); }
  bool null() override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    depth_ += 2;  // nothing within it is a field
    return true;
  }
  bool end_array() override {
    depth_ -= 2;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    bad = "is not a JSON object (at its byte " + std::to_string(position) + ")";
    return false;
  }

  std::string bad;
  bool has_op = false;
  bool has_time = false;
  bool has_thread = false;
  bool has_key_size = false;

 private:
  bool Scalar(const std::string& text) {
    if (field_ == nullptr || depth_ != 1) return true;
    switch (field_->field) {
      case Field::kOp:
        has_op = true;
        break;
      case Field::kTime:
        has_time = true;
        break;
      case Field::kThread:
        has_thread = true;
        break;
      case Field::kKeySize:
        has_key_size = true;
        break;
      default:
        break;
    }
    try {
      if (field_->field == Field::kKey) {
        key_ = text;
        record_->key = key_;
      } else {
        SetField(*field_, text, *record_);
      }
    } catch (const BadLine& line) {
      bad = line.what();
      return false;
    }
    return true;
  }

  Record* record_ = nullptr;
  const NamedField* field_ = nullptr;
  int depth_ = 0;
  std::string key_;
};

class JsonLines final : public LineParser {
 public:
  explicit JsonLines(InputPtr input) : LineParser(std::move(input), "JSON lines") {}

 private:
  std::uint64_t ParseLine(std::string_view line, Record& record) override {
    if (line.find_first_not_of(" \t") == std::string_view::npos) return 0;
    record = Record();
    reader_.Reset(record);
    if (line.front() != '{') throw BadLine("is not a JSON object");
    nlohmann::json::sax_parse(line.begin(), line.end(), &reader_);
    if (!reader_.bad.empty()) throw BadLine(reader_.bad);
    if (first_) {
      description_.has_operations = reader_.has_op;
      description_.has_times = reader_.has_time;
      description_.has_clients = reader_.has_thread;
      first_ = false;
    } else if (description_.has_operations != reader_.has_op ||
               description_.has_times != reader_.has_time) {
      throw BadLine(
          "has other fields than the first line (time and operation on all lines, or "
          "on none)");
    }
    Complete(record, reader_.has_key_size);
    return 1;
  }

  ObjectReader reader_;
  bool first_ = true;
};

}  // namespace

ParserPtr OwnCsvParser(InputPtr input) { return std::make_unique<OwnCsv>(std::move(input)); }

ParserPtr JsonLinesParser(InputPtr input) { return std::make_unique<JsonLines>(std::move(input)); }

bool LooksLikeOwnCsv(std::string_view line) {
  if (line.starts_with("#trace ")) return true;
  std::vector<std::string_view> fields;
  SplitFields(line, ',', fields);
  const auto is = [&](std::string_view name) {
    return std::find(fields.begin(), fields.end(), name) != fields.end();
  };
  if (is("key") && (is("op") || is("operation") || fields.size() == 1 || is("thread"))) return true;
  return (fields.size() == 4 || fields.size() == 5) && OpNamed(fields[2]).has_value();
}

}  // namespace cmap::trace
