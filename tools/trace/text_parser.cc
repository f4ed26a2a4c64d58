// SPDX-License-Identifier: Apache-2.0
#include "tools/trace/text_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "tools/trace/key_hash.h"

namespace cmap::trace {
namespace {

constexpr std::pair<std::string_view, Op> kWords[] = {
    {"load", Op::kLoad},
    {"get", Op::kLoad},
    {"gets", Op::kLoad},
    {"read", Op::kLoad},
    {"find", Op::kLoad},
    {"get_lease", Op::kLoad},
    {"store", Op::kStore},
    {"set", Op::kStore},
    {"put", Op::kStore},
    {"write", Op::kStore},
    {"insert", Op::kStore},
    {"update", Op::kStore},
    {"set_lease", Op::kStore},
    {"load_or_store", Op::kLoadOrStore},
    {"add", Op::kLoadOrStore},
    {"delete", Op::kDelete},
    {"del", Op::kDelete},
    {"remove", Op::kDelete},
    {"erase", Op::kDelete},
    {"load_and_delete", Op::kLoadAndDelete},
    {"swap", Op::kSwap},
    // These change a value that is there and do nothing where none is.
    {"compare_and_swap", Op::kCompareAndSwap},
    {"cas", Op::kCompareAndSwap},
    {"replace", Op::kCompareAndSwap},
    {"append", Op::kCompareAndSwap},
    {"prepend", Op::kCompareAndSwap},
    {"incr", Op::kCompareAndSwap},
    {"decr", Op::kCompareAndSwap},
    {"compare_and_delete", Op::kCompareAndDelete},
    {"load_or_compute", Op::kLoadOrCompute},
};
constexpr std::size_t kLongestWord = 18;

constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

[[noreturn]] void ThrowTimeTooLarge(std::string_view text) {
  throw BadLine("the time " + Quoted(text) + " is more than 2^64 nanoseconds");
}

// Times as programs write small or large floating-point numbers: 1e-06.
std::uint64_t ParseExponent(std::string_view text, std::uint64_t unit_ns) {
  double units = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), units);
  if (error != std::errc() || end != text.data() + text.size() || !(units >= 0)) {
    throw BadLine("the time " + Quoted(text) + " is not a number");
  }
  const double ns = units * static_cast<double>(unit_ns);
  if (ns >= 1e19) ThrowTimeTooLarge(text);
  return static_cast<std::uint64_t>(std::nearbyint(ns));
}

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

bool LineParser::Next(Record& record) {
  if (left_ != 0) {
    --left_;
    Advance(record);
    return true;
  }
  std::string_view line;
  while (input_->Line(line)) {
    std::uint64_t count = 0;
    try {
      count = ParseLine(line, record);
      if (count > kMaxRepeat) {
        throw BadLine("stands for " + std::to_string(count) + " operations, more than 100 million");
      }
    } catch (const BadLine& bad) {
      const std::string where = input_->path() + ", line " + std::to_string(input_->line_number()) +
                                ", read as " + description_.format + ": " + bad.what();
      if (input_->line_was_cut()) {
        throw TraceError(where +
                         "; it is the last line and does not end: the file is truncated, "
                         "leave this line out with: head -n -1");
      }
      throw TraceError(where + "; mend or remove this line, or name another --format");
    }
    if (count == 0) continue;
    left_ = count - 1;
    return true;
  }
  return false;
}

std::optional<Op> OpNamed(std::string_view word) {
  static const std::unordered_map<std::string_view, Op> kOps(std::begin(kWords), std::end(kWords));
  if (word.size() > kLongestWord) return std::nullopt;
  std::array<char, kLongestWord> lower;
  std::transform(word.begin(), word.end(), lower.begin(), Lower);
  const auto at = kOps.find({lower.data(), word.size()});
  if (at == kOps.end()) return std::nullopt;
  return at->second;
}

Op ParseOp(std::string_view word) {
  const std::optional<Op> op = OpNamed(word);
  if (!op) throw BadLine(Quoted(word) + " is not an operation");
  return *op;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() <= 20 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::uint64_t ParseNumber(std::string_view text, std::string_view field) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw BadLine("the " + std::string(field) + ' ' + Quoted(text) + " is not a number below 2^64");
  }
  return number;
}

std::uint64_t ParseTime(std::string_view text, std::uint64_t unit_ns) {
  // To the nanosecond, which a double could not tell in times since 1970.
  const std::size_t point = text.find_first_of(".eE");
  if (point != std::string_view::npos && text[point] != '.') return ParseExponent(text, unit_ns);
  const std::uint64_t whole = ParseNumber(text.substr(0, point), "time");
  if (whole > std::numeric_limits<std::uint64_t>::max() / unit_ns - 1) ThrowTimeTooLarge(text);
  std::uint64_t ns = whole * unit_ns;
  if (point == std::string_view::npos) return ns;
  std::uint64_t place_ns = unit_ns;
  for (const char digit : text.substr(point + 1)) {
    if (digit < '0' || digit > '9') return ParseExponent(text, unit_ns);
    place_ns /= 10;
    ns += place_ns * static_cast<std::uint64_t>(digit - '0');
  }
  return ns;
}

std::string_view TakeField(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view field = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return field;
}

std::string_view TakeWord(std::string_view& rest) {
  while (!rest.empty() && IsBlank(rest.front())) rest.remove_prefix(1);
  std::size_t n = 0;
  while (n < rest.size() && !IsBlank(rest[n])) ++n;
  const std::string_view word = rest.substr(0, n);
  rest.remove_prefix(n);
  while (!rest.empty() && IsBlank(rest.front())) rest.remove_prefix(1);
  return word;
}

void SplitFields(std::string_view line, char separator, std::vector<std::string_view>& fields) {
  fields.clear();
  for (;;) {
    const std::size_t end = line.find(separator);
    fields.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return;
    line.remove_prefix(end + 1);
  }
}

std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text.substr(0, 40)) {
    quoted += static_cast<unsigned char>(c) < ' ' ? '?' : c;
  }
  return quoted + (text.size() > 40 ? "...'" : "'");
}

std::uint64_t ClientNumber(std::string_view text) { return KeyHash(text); }

}  // namespace cmap::trace
