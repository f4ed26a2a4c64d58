// SPDX-License-Identifier: Apache-2.0
#include "tools/trace/normalised.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tools/trace/input.h"
#include "tools/trace/parsers.h"

namespace cmap::trace {
namespace {

constexpr std::array<char, 8> kMagic = {'C', 'M', 'A', 'P', 'T', 'R', 'C', '1'};
constexpr std::size_t kHeaderBytes = 48;
constexpr std::size_t kFlushBytes = std::size_t{1} << 16;
constexpr std::size_t kMaxStepBytes = 1 + 5 * 10;
// Tapes hold as many keys.
constexpr std::uint64_t kMostKeys = std::uint64_t{1} << 28;

// Bits of a step's first byte above the operation.
constexpr unsigned kSizeChanged = 1u << 4;
constexpr unsigned kClientChanged = 1u << 5;
constexpr unsigned kTimeChanged = 1u << 6;

// Flags of the header.
constexpr std::uint64_t kHasOperations = 1;
constexpr std::uint64_t kHasTimes = 2;
constexpr std::uint64_t kHasClients = 4;

void PutVarint(std::vector<char>& to, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) to.push_back(static_cast<char>(number | 0x80));
  to.push_back(static_cast<char>(number));
}

void PutU64(char* to, std::uint64_t number) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<char>(number >> (8 * i));
}

std::uint64_t GetU64(const char* from) {
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i) {
    number |= std::uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
  }
  return number;
}

struct Header {
  std::uint64_t flags = 0;
  std::uint64_t ops = 0;
  std::uint64_t keys = 0;
  std::uint64_t clients = 0;
  std::uint64_t checksum = 0;  // of everything after the header
};

}  // namespace

struct NormalisedWriter::Checksum {
  XXH64_state_t state;
};

NormalisedWriter::NormalisedWriter(const std::string& path)
    : path_(path),
      partial_path_(path + ".partial"),
      file_(std::fopen(partial_path_.c_str(), "wb")),
      checksum_(std::make_unique<Checksum>()) {
  if (file_ == nullptr) ThrowWriteError();
  XXH64_reset(&checksum_->state, 0);
  const std::array<char, kHeaderBytes> empty{};
  std::fwrite(empty.data(), 1, empty.size(), file_);
}

NormalisedWriter::~NormalisedWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(partial_path_.c_str());
}

void NormalisedWriter::ThrowWriteError() {
  throw TraceError(path_ + " cannot be written: " + std::generic_category().message(errno) +
                   "; name another file, or make room");
}

void NormalisedWriter::Add(const Record& record, std::uint64_t key_hash) {
  if (ops_++ == 0) start_ns_ = time_ns_ = record.time_ns;
  const std::size_t known = keys_.size();
  const std::uint32_t key = keys_.Number(key_hash);
  const std::uint32_t client = clients_.Number(record.client);
  if (key >= kMostKeys) {
    throw TraceError(
        "the trace has more than 2^28 keys, which the compact form cannot number; "
        "take a sample of the keys: --sample 0.1");
  }
  const std::uint64_t value_bytes = record.value_bytes ? *record.value_bytes + 1 : 0;
  unsigned first = static_cast<unsigned>(record.op);
  first |= value_bytes != value_bytes_ ? kSizeChanged : 0;
  first |= client != client_ ? kClientChanged : 0;
  first |= record.time_ns != time_ns_ ? kTimeChanged : 0;
  buffer_.push_back(static_cast<char>(first));
  PutVarint(buffer_, key);
  if (key == known) PutVarint(buffer_, record.key_bytes ? *record.key_bytes + 1 : 0);
  if ((first & kSizeChanged) != 0) PutVarint(buffer_, value_bytes);
  if ((first & kClientChanged) != 0) PutVarint(buffer_, client);
  if ((first & kTimeChanged) != 0) PutVarint(buffer_, record.time_ns - time_ns_);
  value_bytes_ = value_bytes;
  client_ = client;
  time_ns_ = record.time_ns;
  if (buffer_.size() >= kFlushBytes) Flush();
}

void NormalisedWriter::Flush() {
  XXH64_update(&checksum_->state, buffer_.data(), buffer_.size());
  if (std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size()) ThrowWriteError();
  buffer_.clear();
}

void NormalisedWriter::Finish(const Description& description) {
  Flush();
  std::array<char, kHeaderBytes> header;
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  PutU64(&header[8], (description.has_operations ? kHasOperations : 0) |
                         (description.has_times ? kHasTimes : 0) |
                         (description.has_clients ? kHasClients : 0));
  PutU64(&header[16], ops_);
  PutU64(&header[24], keys_.size());
  PutU64(&header[32], clients_.size());
  PutU64(&header[40], XXH64_digest(&checksum_->state));
  if (std::fseek(file_, 0, SEEK_SET) != 0 ||
      std::fwrite(header.data(), 1, header.size(), file_) != header.size()) {
    ThrowWriteError();
  }
  std::FILE* file = std::exchange(file_, nullptr);
  if (std::fclose(file) != 0 || std::rename(partial_path_.c_str(), path_.c_str()) != 0) {
    std::remove(partial_path_.c_str());
    ThrowWriteError();
  }
}

struct NormalisedReader::State {
  explicit State(InputPtr from) : input(std::move(from)) {
    const std::string_view bytes = input->Take(kHeaderBytes);
    if (bytes.size() < kHeaderBytes || !LooksNormalised(bytes)) {
      Refuse("is not a compact trace; write one with --normalised FILE");
    }
    header = {GetU64(&bytes[8]), GetU64(&bytes[16]), GetU64(&bytes[24]), GetU64(&bytes[32]),
              GetU64(&bytes[40])};
    if (header.keys > kMostKeys || header.keys > header.ops || header.clients > header.ops) {
      Refuse("has a header that makes no sense; write it again");
    }
    XXH64_reset(&checksum, 0);
  }

  [[noreturn]] void Refuse(const std::string& what) {
    throw TraceError(input->path() + ' ' + what);
  }

  bool Next(Step& step) {
    if (ops == header.ops) {
      CheckEnd();
      return false;
    }
    ++ops;
    const auto first = static_cast<unsigned>(Byte());
    step.op = static_cast<Op>(first & 15u);
    if (first > 0x7f || step.op > Op::kLoadOrCompute) RefuseDamage();
    const std::uint64_t key = Varint();
    if (key > key_bytes.size() || key >= header.keys) RefuseDamage();
    if (key == key_bytes.size()) key_bytes.push_back(Varint());
    if ((first & kSizeChanged) != 0) value_bytes = Varint();
    if ((first & kClientChanged) != 0) client = Varint();
    if ((first & kTimeChanged) != 0) time_ns += Varint();
    if (client >= header.clients) RefuseDamage();
    step.key = static_cast<std::uint32_t>(key);
    step.client = static_cast<std::uint32_t>(client);
    step.time_ns = time_ns;
    step.value_bytes = value_bytes == 0 ? 0 : value_bytes - 1;
    step.key_bytes = key_bytes[key] == 0 ? 0 : key_bytes[key] - 1;
    return true;
  }

  [[noreturn]] void RefuseDamage() {
    Refuse("is damaged at operation " + std::to_string(ops) + "; write it again");
  }

  unsigned char Byte() {
    if (at == block.size()) {
      block = input->Take(kFlushBytes);
      at = 0;
      if (block.empty()) {
        Refuse("ends after " + std::to_string(ops - 1) + " of " + std::to_string(header.ops) +
               " operations; it is truncated: copy or write it again");
      }
      XXH64_update(&checksum, block.data(), block.size());
    }
    return static_cast<unsigned char>(block[at++]);
  }

  std::uint64_t Varint() {
    std::uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const unsigned char byte = Byte();
      number |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return number;
    }
    RefuseDamage();
  }

  void CheckEnd() {
    if (at != block.size() || !input->Take(1).empty()) {
      Refuse("goes on after its last operation; write it again");
    }
    if (XXH64_digest(&checksum) != header.checksum) {
      Refuse("is damaged: its checksum is wrong; copy or write it again");
    }
  }

  InputPtr input;
  Header header;
  XXH64_state_t checksum;
  std::string_view block;
  std::size_t at = 0;
  std::uint64_t ops = 0;
  std::vector<std::uint64_t> key_bytes;  // by key, as in the file
  std::uint64_t value_bytes = 0;
  std::uint64_t client = 0;
  std::uint64_t time_ns = 0;
};

NormalisedReader::NormalisedReader(const std::string& path)
    : state_(std::make_unique<State>(std::make_unique<Input>(path))) {}
NormalisedReader::~NormalisedReader() = default;

bool NormalisedReader::Next(Step& step) { return state_->Next(step); }
std::uint64_t NormalisedReader::ops() const { return state_->header.ops; }
std::uint64_t NormalisedReader::keys() const { return state_->header.keys; }
std::uint64_t NormalisedReader::clients() const { return state_->header.clients; }
bool NormalisedReader::has_operations() const {
  return (state_->header.flags & kHasOperations) != 0;
}
bool NormalisedReader::has_times() const { return (state_->header.flags & kHasTimes) != 0; }
bool NormalisedReader::has_clients() const { return (state_->header.flags & kHasClients) != 0; }

// A compact trace as one more format.
class NormalisedTrace final : public Parser {
 public:
  explicit NormalisedTrace(InputPtr input) : state_(std::move(input)) {
    description_.format = "compact trace";
    description_.has_operations = (state_.header.flags & kHasOperations) != 0;
    description_.has_times = (state_.header.flags & kHasTimes) != 0;
    description_.has_clients = (state_.header.flags & kHasClients) != 0;
  }

  bool Next(Record& record) override {
    Step step;
    if (!state_.Next(step)) return false;
    key_ = step.key;
    record = Record();
    record.key = {reinterpret_cast<const char*>(&key_), sizeof key_};
    record.op = step.op;
    record.client = step.client;
    record.time_ns = step.time_ns;
    if (state_.value_bytes != 0) record.value_bytes = step.value_bytes;
    if (state_.key_bytes[step.key] != 0) record.key_bytes = step.key_bytes;
    return true;
  }

 private:
  NormalisedReader::State state_;
  std::uint32_t key_ = 0;
};

ParserPtr NormalisedParser(InputPtr input) {
  return std::make_unique<NormalisedTrace>(std::move(input));
}

bool LooksNormalised(std::string_view head) {
  return head.starts_with(std::string_view(kMagic.data(), kMagic.size()));
}

}  // namespace cmap::trace
