// SPDX-License-Identifier: Apache-2.0
//
// Bytes and lines of a trace file, decompressed on the way (gzip, zstandard), in memory that
// does not depend on the size of the file.
#ifndef CMAP_TOOLS_TRACE_INPUT_H_
#define CMAP_TOOLS_TRACE_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cmap::trace {

// Longest line, and so longest key, that is accepted.
inline constexpr std::size_t kMaxLine = std::size_t{1} << 20;
// What recognition looks at.
inline constexpr std::size_t kHeadBytes = std::size_t{1} << 16;

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Up to n bytes; 0 at the end. Throws TraceError.
  virtual std::size_t Read(char* to, std::size_t n) = 0;
};

class Input {
 public:
  // Opens a file, decompressing it by its content. "-" is standard input. Throws TraceError.
  explicit Input(const std::string& path);
  ~Input();

  // The first bytes of the (decompressed) file, up to kHeadBytes; only before anything is taken.
  std::string_view Head();
  // Skips bytes that are there (of Head()).
  void Skip(std::size_t n) { begin_ += n; }

  // The next line without its end, which is \n or \r\n; false at the end. Valid until the next
  // call. Throws TraceError for lines over kMaxLine, NUL bytes and bare carriage returns.
  bool Line(std::string_view& line);
  // Of the last line, from 1.
  std::uint64_t line_number() const { return line_number_; }
  // Whether the last line ended with the file instead of a line end.
  bool line_was_cut() const { return line_was_cut_; }

  // The next n <= kHeadBytes bytes, or what is left of them.
  std::string_view Take(std::size_t n);
  // Bytes taken so far, skipped ones included.
  std::uint64_t offset() const { return consumed_ + begin_; }

  const std::string& path() const { return path_; }

 private:
  // Makes at least n bytes available if there are so many; returns how many there are.
  std::size_t Fill(std::size_t n);

  std::string path_;
  std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t consumed_ = 0;  // bytes before the buffer
  bool ended_ = false;
  std::uint64_t line_number_ = 0;
  bool line_was_cut_ = false;
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_INPUT_H_
