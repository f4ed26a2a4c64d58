// SPDX-License-Identifier: Apache-2.0
#include "tools/trace/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "tools/trace/record.h"

namespace cmap::trace {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 18;

class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::string& path) : path_(path) {
    if (path == "-") {
      fd_ = STDIN_FILENO;
      return;
    }
    fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) {
      throw TraceError(path + " cannot be opened: " + std::generic_category().message(errno) +
                       "; name a trace file");
    }
    struct stat status {};
    if (fstat(fd_, &status) == 0 && S_ISDIR(status.st_mode)) {
      close(fd_);
      throw TraceError(path + " is a folder; name the trace files in it");
    }
  }
  ~FileSource() override {
    if (fd_ > STDIN_FILENO) close(fd_);
  }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::size_t Read(char* to, std::size_t n) override {
    for (;;) {
      const ssize_t got = read(fd_, to, n);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) {
        throw TraceError(path_ + " cannot be read: " + std::generic_category().message(errno));
      }
    }
  }

 private:
  std::string path_;
  int fd_;
};

// Compressed bytes on their way to a decompressor, beginning with those that told what they are.
class CompressedBytes {
 public:
  CompressedBytes(std::unique_ptr<ByteSource> source, std::string head)
      : source_(std::move(source)), bytes_(std::move(head)), left_(bytes_.size()) {}
  // False at the end.
  bool Refill() {
    if (left_ != 0) return true;
    bytes_.resize(kChunk);
    left_ = source_->Read(bytes_.data(), bytes_.size());
    bytes_.resize(left_);
    return left_ != 0;
  }
  const char* data() const { return bytes_.data() + bytes_.size() - left_; }
  std::size_t left() const { return left_; }
  void LeaveOnly(std::size_t n) { left_ = n; }

 private:
  std::unique_ptr<ByteSource> source_;
  std::string bytes_;
  std::size_t left_;
};

[[noreturn]] void ThrowCut(const std::string& path, const char* what) {
  throw TraceError(path + " ends in the middle of its " + what +
                   " data; it is truncated: copy or download it again");
}

[[noreturn]] void ThrowDamaged(const std::string& path, const char* what) {
  throw TraceError(path + " is damaged: its " + what +
                   " data cannot be decompressed; copy or download it again");
}

class GzipSource final : public ByteSource {
 public:
  GzipSource(const std::string& path, CompressedBytes bytes)
      : path_(path), bytes_(std::move(bytes)) {
    // 15 window bits, and 16 for a gzip header.
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  std::size_t Read(char* to, std::size_t n) override {
    for (;;) {
      if (!bytes_.Refill()) {
        if (in_member_) ThrowCut(path_, "gzip");
        return 0;
      }
      // Files may be concatenated: another member begins where one ended.
      if (!in_member_) {
        inflateReset(&stream_);
        in_member_ = true;
      }
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes_.data()));
      stream_.avail_in = static_cast<uInt>(bytes_.left());
      stream_.next_out = reinterpret_cast<Bytef*>(to);
      stream_.avail_out = static_cast<uInt>(n);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      bytes_.LeaveOnly(stream_.avail_in);
      if (result == Z_STREAM_END) {
        in_member_ = false;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        ThrowDamaged(path_, "gzip");
      }
      if (stream_.avail_out != n) return n - stream_.avail_out;
    }
  }

 private:
  std::string path_;
  CompressedBytes bytes_;
  z_stream stream_{};
  bool in_member_ = true;
};

class ZstdSource final : public ByteSource {
 public:
  ZstdSource(const std::string& path, CompressedBytes bytes)
      : path_(path), bytes_(std::move(bytes)), context_(ZSTD_createDCtx(), ZSTD_freeDCtx) {
    if (!context_) throw std::bad_alloc();
  }

  std::size_t Read(char* to, std::size_t n) override {
    ZSTD_outBuffer out{to, n, 0};
    // The decompressor may hold output back although it has consumed its input.
    while (out.pos == 0) {
      const bool more = bytes_.Refill();
      ZSTD_inBuffer in{bytes_.data(), bytes_.left(), 0};
      const std::size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
      if (ZSTD_isError(result)) ThrowDamaged(path_, "zstandard");
      bytes_.LeaveOnly(in.size - in.pos);
      if (!more && out.pos == 0) {
        if (!frame_done_) ThrowCut(path_, "zstandard");
        return 0;
      }
      if (more || out.pos != 0) frame_done_ = result == 0;
    }
    return out.pos;
  }

 private:
  std::string path_;
  CompressedBytes bytes_;
  std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context_;
  bool frame_done_ = false;
};

std::string ReadHead(ByteSource& source) {
  std::string head(8, '\0');
  std::size_t n = 0;
  while (n < head.size()) {
    const std::size_t got = source.Read(head.data() + n, head.size() - n);
    if (got == 0) break;
    n += got;
  }
  head.resize(n);
  return head;
}

// Gives the bytes that were looked at back.
class PlainSource final : public ByteSource {
 public:
  PlainSource(std::unique_ptr<ByteSource> source, std::string head)
      : source_(std::move(source)), head_(std::move(head)) {}
  std::size_t Read(char* to, std::size_t n) override {
    if (head_.empty()) return source_->Read(to, n);
    n = std::min(n, head_.size());
    std::memcpy(to, head_.data(), n);
    head_.erase(0, n);
    return n;
  }

 private:
  std::unique_ptr<ByteSource> source_;
  std::string head_;
};

std::unique_ptr<ByteSource> OpenSource(const std::string& path) {
  using namespace std::string_view_literals;
  std::unique_ptr<ByteSource> file = std::make_unique<FileSource>(path);
  std::string head = ReadHead(*file);
  if (head.starts_with("\x1f\x8b"sv)) {
    return std::make_unique<GzipSource>(path, CompressedBytes(std::move(file), std::move(head)));
  }
  if (head.starts_with("\x28\xb5\x2f\xfd"sv)) {
    return std::make_unique<ZstdSource>(path, CompressedBytes(std::move(file), std::move(head)));
  }
  const auto refuse = [&](const char* what, const char* program) {
    throw TraceError(path + " is compressed with " + what +
                     ", which is not read; unpack it first: " + program);
  };
  if (head.starts_with("\xfd"
                       "7zXZ"sv))
    refuse("xz", "xz -d");
  if (head.starts_with("BZh"sv)) refuse("bzip2", "bzip2 -d");
  if (head.starts_with("PK\x03\x04"sv)) refuse("zip", "unzip");
  if (head.starts_with("\x04\x22\x4d\x18"sv)) refuse("lz4", "lz4 -d");
  return std::make_unique<PlainSource>(std::move(file), std::move(head));
}

}  // namespace

Input::Input(const std::string& path)
    : path_(path), source_(OpenSource(path)), buffer_(2 * kChunk) {}

Input::~Input() = default;

std::size_t Input::Fill(std::size_t n) {
  if (end_ - begin_ >= n || ended_) return end_ - begin_;
  if (begin_ + n > buffer_.size()) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    consumed_ += begin_;
    end_ -= begin_;
    begin_ = 0;
    if (n > buffer_.size()) buffer_.resize(2 * n);
  }
  while (end_ - begin_ < n) {
    const std::size_t got = source_->Read(buffer_.data() + end_, buffer_.size() - end_);
    if (got == 0) {
      ended_ = true;
      break;
    }
    end_ += got;
  }
  return end_ - begin_;
}

std::string_view Input::Head() {
  const std::size_t n = std::min(Fill(kHeadBytes), kHeadBytes);
  return {buffer_.data() + begin_, n};
}

std::string_view Input::Take(std::size_t n) {
  n = std::min(Fill(n), n);
  const std::string_view taken(buffer_.data() + begin_, n);
  begin_ += n;
  return taken;
}

bool Input::Line(std::string_view& line) {
  std::size_t searched = 0;
  for (;;) {
    const char* from = buffer_.data() + begin_;
    const std::size_t there = end_ - begin_;
    const void* end =
        there == searched ? nullptr : std::memchr(from + searched, '\n', there - searched);
    if (end != nullptr) {
      line = {from, static_cast<std::size_t>(static_cast<const char*>(end) - from)};
      begin_ += line.size() + 1;
      line_was_cut_ = false;
      break;
    }
    searched = there;
    if (there > kMaxLine) break;
    if (Fill(there + 1) == there) {  // the end of the file
      if (there == 0) return false;
      line = {buffer_.data() + begin_, there};
      begin_ = end_;
      line_was_cut_ = true;
      break;
    }
  }
  ++line_number_;
  const auto refuse = [&](const std::string& what) {
    throw TraceError(path_ + ", line " + std::to_string(line_number_) + ' ' + what);
  };
  if (searched > kMaxLine || line.size() > kMaxLine) {
    refuse("is longer than 1 MiB; no key may be that long: is this a trace?");
  }
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (std::memchr(line.data(), '\0', line.size()) != nullptr) {
    refuse("holds a NUL byte; text traces hold none: the file is damaged, or not a text trace");
  }
  if (std::memchr(line.data(), '\r', line.size()) != nullptr) {
    refuse("holds a carriage return that ends no line; convert the line ends: tr '\\r' '\\n'");
  }
  return true;
}

}  // namespace cmap::trace
