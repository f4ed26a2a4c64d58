// SPDX-License-Identifier: Apache-2.0
#include "tools/trace/reader.h"

#include <algorithm>
#include <utility>

#include "tools/trace/parsers.h"
#include "tools/trace/text_parser.h"

namespace cmap::trace {
namespace {

// A word for each, so that no name can be given that is not known here.
ParserPtr ParserOf(std::string_view name, InputPtr input, const ReadOptions& options) {
  if ((name == "csv" || name == "binary") && options.columns.empty()) {
    throw TraceError("--format " + std::string(name) +
                     " needs to know the columns: --columns 'time-col=1,obj-id-col=2'");
  }
  if (name == "own_csv") return OwnCsvParser(std::move(input));
  if (name == "json_lines") return JsonLinesParser(std::move(input));
  if (name == "twitter") return TwitterParser(std::move(input));
  if (name == "cachelib") return CacheLibParser(std::move(input));
  if (name == "oracle_general") return OracleGeneralParser(std::move(input));
  if (name == "csv") return ColumnsCsvParser(std::move(input), options.columns);
  if (name == "binary") return ColumnsBinaryParser(std::move(input), options.columns);
  if (name == "txt") return TxtParser(std::move(input));
  if (name == "arc") return ArcParser(std::move(input));
  if (name == "lirs") return LirsParser(std::move(input));
  if (name == "ycsb") return YcsbParser(std::move(input));
  std::string names;
  for (const std::string_view known : kFormatNames) {
    names += (names.empty() ? "" : ", ") + std::string(known);
  }
  throw TraceError("--format " + Quoted(name) + " is not known; name one of " + names);
}

// Whole lines of the head, without ends and empty ones; the head's last line may be cut.
std::vector<std::string_view> LinesOf(std::string_view head) {
  constexpr std::size_t kEnough = 200;
  std::vector<std::string_view> lines;
  while (!head.empty() && lines.size() < kEnough) {
    std::string_view line = TakeField(head, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::string_view RecogniseText(std::string_view head) {
  const std::vector<std::string_view> lines = LinesOf(head);
  if (lines.empty()) return "";
  const std::string_view first = lines.front();
  if (first.starts_with('{')) return "json_lines";
  if (LooksLikeCacheLib(first)) return "cachelib";
  if (LooksLikeOwnCsv(first)) return "own_csv";
  if (LooksLikeTwitter(first)) return "twitter";
  if (std::any_of(lines.begin(), lines.end(), LooksLikeYcsb)) return "ycsb";
  const auto is_number = [](std::string_view line) {
    const std::string_view word = TakeWord(line);
    return IsNumber(word) && line.empty();
  };
  const auto is_star = [](std::string_view line) { return TakeWord(line).starts_with('*'); };
  const bool stars = std::any_of(lines.begin(), lines.end(), is_star);
  if (stars && std::all_of(lines.begin(), lines.end(),
                           [&](auto line) { return is_number(line) || is_star(line); })) {
    return "lirs";
  }
  if (LooksLikeArc(first)) return "arc";
  // Words alone on their lines are keys; text with separators in it is something else.
  const auto is_key = [](std::string_view line) {
    return line.find_first_of(" \t,;{}<>\"") == std::string_view::npos;
  };
  if (is_key(first) && std::all_of(lines.begin(), lines.end(), is_key)) return "txt";
  return "";
}

bool IsText(std::string_view head) {
  const auto control = [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\r' && c != '\t';
  };
  return std::none_of(head.begin(), head.end(), control);
}

std::string_view Recognise(Input& input, const ReadOptions& options) {
  const std::string& path = input.path();
  const std::string_view head = input.Head();
  if (!options.columns.empty()) {
    return options.columns.find("format=") != std::string::npos ? "binary" : "csv";
  }
  if (head.starts_with("\xff\xfe") || head.starts_with("\xfe\xff")) {
    throw TraceError(path + " is UTF-16 text; convert it first: iconv -f UTF-16 -t UTF-8");
  }
  if (head.starts_with("<")) {
    throw TraceError(path + " is a page of HTML or XML, not a trace; was the download refused?");
  }
  if (head.find('\r') != std::string_view::npos && head.find('\n') == std::string_view::npos) {
    throw TraceError(path +
                     " ends its lines with carriage returns; convert it first: tr '\\r' '\\n'");
  }
  if (IsText(head)) {
    const std::string_view name = RecogniseText(head);
    if (!name.empty()) return name;
    if (head.find_first_not_of("\r\n\t ") == std::string_view::npos) {
      throw TraceError(path + " holds blank lines only; record a trace first");
    }
    throw TraceError(path + " is text in none of the known formats (it begins with " +
                     Quoted(LinesOf(head).front()) +
                     "); name its columns, --columns 'time-col=1,obj-id-col=2', or its --format");
  }
  if (LooksLikeOracleGeneral(head)) return "oracle_general";
  // A text trace that was damaged is read as what it begins as, so that the line is named.
  const std::size_t first_line = head.find('\n');
  if (first_line != std::string_view::npos && IsText(head.substr(0, first_line))) {
    const std::string_view name = RecogniseText(head.substr(0, first_line));
    if (!name.empty()) return name;
  }
  throw TraceError(path +
                   " is binary data in none of the known formats; name its --format, or "
                   "its layout: --columns 'format=<IQI,time-col=1,obj-id-col=2'");
}

}  // namespace

std::unique_ptr<Parser> OpenTrace(const std::string& path, const ReadOptions& options) {
  auto input = std::make_unique<Input>(path);
  const std::string_view head = input->Head();
  if (head.empty()) throw TraceError(path + " is empty; record a trace first");
  if (head.starts_with("\xef\xbb\xbf")) input->Skip(3);  // a byte order mark
  if (!options.format.empty()) return ParserOf(options.format, std::move(input), options);
  if (LooksNormalised(head)) return NormalisedParser(std::move(input));
  const std::string_view name = Recognise(*input, options);
  return ParserOf(name, std::move(input), options);
}

TraceReader::TraceReader(std::vector<std::string> paths, ReadOptions options)
    : paths_(std::move(paths)), options_(std::move(options)) {
  if (paths_.empty()) throw TraceError("no trace is named; name a file");
  NextFile();
}

bool TraceReader::NextFile() {
  if (next_path_ == paths_.size()) return false;
  parser_ = OpenTrace(paths_[next_path_], options_);
  if (!format_.empty() && parser_->description().format != format_) {
    throw TraceError(paths_[next_path_] + " is taken for " + parser_->description().format +
                     ", the file before it for " + format_ +
                     "; files that follow each other must have one format");
  }
  format_ = parser_->description().format;
  records_of_file_ = 0;
  ++next_path_;
  return true;
}

bool TraceReader::Next(Record& record) {
  for (;;) {
    if (parser_->Next(record)) {
      ++records_;
      ++records_of_file_;
      if (options_.ignore_times) record.time_ns = 0;
      CheckTime(record);
      return true;
    }
    // The recorder counts from its start: from the first file's beginning to the last one's end.
    const Recording::Count from = next_path_ == 1 ? parser_->recording().from : recording_.from;
    recording_ = parser_->recording();
    recording_.from = from;
    if (records_of_file_ == 0 && paths_.size() == 1) {
      throw TraceError(paths_.back() + ", read as " + format_ +
                       ", holds no operation; record a trace first");
    }
    if (!NextFile()) break;
  }
  if (records_ == 0) throw TraceError("the trace holds no operation; record one first");
  return false;
}

void TraceReader::CheckTime(const Record& record) {
  if (record.time_ns < time_ns_) {
    throw TraceError(paths_[next_path_ - 1] + ", operation " + std::to_string(records_of_file_) +
                     ", read as " + format_ + ": the clock runs backwards, by " +
                     std::to_string(time_ns_ - record.time_ns) +
                     " ns; sort the trace by time, or keep its order: --ignore-times");
  }
  time_ns_ = record.time_ns;
}

}  // namespace cmap::trace
