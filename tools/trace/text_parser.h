// SPDX-License-Identifier: Apache-2.0
//
// What the parsers of text formats share: lines, fields, numbers, names of operations.
#ifndef CMAP_TOOLS_TRACE_TEXT_PARSER_H_
#define CMAP_TOOLS_TRACE_TEXT_PARSER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/trace/input.h"
#include "tools/trace/record.h"

namespace cmap::trace {

// What is wrong with a line; LineParser adds which line it is and what it was taken for.
class BadLine : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A parser of a format in which one line holds one record, or one that repeats, or none.
class LineParser : public Parser {
 public:
  bool Next(Record& record) final;

 protected:
  LineParser(std::unique_ptr<Input> input, std::string format) : input_(std::move(input)) {
    description_.format = std::move(format);
  }

  // Reads a line into `record`; how many records it stands for, 0 for a line without any. Throws
  // BadLine.
  virtual std::uint64_t ParseLine(std::string_view line, Record& record) = 0;
  // Makes the next of the records that a line stands for out of the one before.
  virtual void Advance(Record& record) { static_cast<void>(record); }

  std::unique_ptr<Input> input_;

 private:
  std::uint64_t left_ = 0;
};

// A record may stand for so many at most: more is a mistake, or an attack.
inline constexpr std::uint64_t kMaxRepeat = 100'000'000;

// The point operation that a word names in any format, in any letter case. Words and what they
// are taken for are listed in README.md.
std::optional<Op> OpNamed(std::string_view word);

// Throws BadLine, naming the field, unless the text is a number in decimal digits.
std::uint64_t ParseNumber(std::string_view text, std::string_view field);
// Decimal number of units, fractions allowed, as nanoseconds.
std::uint64_t ParseTime(std::string_view text, std::uint64_t unit_ns);
Op ParseOp(std::string_view word);
bool IsNumber(std::string_view text);

// The text up to the separator, which both leave `rest`; all of it when there is none.
std::string_view TakeField(std::string_view& rest, char separator);
// The word before the next space or tab, and the blanks around it, leave `rest`.
std::string_view TakeWord(std::string_view& rest);
void SplitFields(std::string_view line, char separator, std::vector<std::string_view>& fields);

// A short quotation of what may be anything.
std::string Quoted(std::string_view text);
// A number that is equal for equal clients.
std::uint64_t ClientNumber(std::string_view text);

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_TEXT_PARSER_H_
