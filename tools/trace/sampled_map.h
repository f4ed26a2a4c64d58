// SPDX-License-Identifier: Apache-2.0
//
// Records what a running program does with a map, as a trace that `advise` reads. One header,
// C++20 on Linux, needing nothing else of this project:
//
//   cmap::trace::TraceRecorder recorder({.path = "/var/tmp/sessions"});
//   cmap::trace::SampledMap<std::unordered_map<std::string, Session>> map(recorder);
//
// and the map is used as before. Any type with the operations of maps/concurrent_map.h or with
// those of std::unordered_map can be decorated; an operation is there when the map has it. What is
// not decorated is reached, unrecorded, through map().
//
// What is recorded: 1 % of the KEYS, chosen by a hash, with all their operations. So the recording
// shows how often keys come back, how long after, and which operations meet on a key: figures that
// 1 % of the operations would destroy, as hardly any key would be seen twice. What a sample of
// keys cannot tell is how much of the load the few most popular keys have, since they are
// probably not in it: for that, record Sampled::kOperations for a while.
//
// Guarantees. Any number of threads. Lines are in the order of their times, over all threads.
// Memory: buffer_bytes for each thread, and three times as much again for writing. Disk: max_files
// of rotate_bytes; then the oldest is removed. Nothing is lost when the program ends by returning
// from main or by std::exit, as far as operations are over by then; after a crash, _exit or kill -9
// what threads had in their buffers is missing: the last flush_interval, or what was recorded
// since the last write if no operation was recorded in all that time. When the files cannot be
// written, the program goes on and recording stops; error() says why.
// A forked child must not use the map.
#ifndef CMAP_TOOLS_TRACE_SAMPLED_MAP_H_
#define CMAP_TOOLS_TRACE_SAMPLED_MAP_H_

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace cmap::trace {

enum class Sampled { kKeys, kOperations };

struct RecorderOptions {
  std::string path;          // of the files: PATH.000001.csv, PATH.000002.csv, ...
  std::string name = "map";  // in the counters
  Sampled sampled = Sampled::kKeys;
  double rate = 0.01;  // in (0, 1]
  // Writes a keyed hash instead of each key. It keeps keys from being read; it is no encryption.
  bool hash_keys = false;
  std::uint64_t rotate_bytes = std::uint64_t{64} << 20;
  std::size_t max_files = 16;
  std::size_t buffer_bytes = std::size_t{64} << 10;
  std::chrono::milliseconds flush_interval{1000};
};

namespace internal {

enum class MapOp : std::uint8_t {
  kLoad,
  kStore,
  kLoadOrStore,
  kLoadAndDelete,
  kDelete,
  kSwap,
  kCompareAndSwap,
  kCompareAndDelete,
  kLoadOrCompute,
};
inline constexpr std::array<std::string_view, 9> kMapOpNames = {
    "load",           "store", "load_or_store",    "load_and_delete",
    "delete",         "swap",  "compare_and_swap", "compare_and_delete",
    "load_or_compute"};

constexpr bool IsLookup(MapOp op) {
  return op == MapOp::kLoad || op == MapOp::kLoadOrStore || op == MapOp::kLoadOrCompute;
}

constexpr std::uint64_t Mix(std::uint64_t x) {  // finaliser of MurmurHash3
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

inline std::uint64_t Word(const char* from, std::size_t bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, bytes);
  return word;
}

// Short texts are read in few loads, which overlap: this is most of what recording costs.
inline std::uint64_t HashBytes(std::string_view text, std::uint64_t seed) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
  const char* at = text.data();
  const std::size_t n = text.size();
  std::uint64_t hash = seed + n;
  if (n >= 8) {
    for (const char* const last = at + n - 8; at < last; at += 8) {
      hash = (hash ^ Word(at, 8)) * kOdd;
      hash ^= hash >> 32;
    }
    hash ^= Word(text.data() + n - 8, 8);
  } else if (n >= 4) {
    hash ^= Word(at, 4) << 32 | Word(at + n - 4, 4);
  } else if (n > 0) {
    hash ^= Word(at, 1) << 32 | Word(at + n / 2, 1) << 16 | Word(at + n - 1, 1);
  }
  return Mix(hash * kOdd);
}

template <class K>
concept TextKey = std::convertible_to<const K&, std::string_view>;
template <class K>
concept NumberKey = std::integral<K> || std::is_enum_v<K>;

// Keys that are neither text nor numbers are known by their std::hash.
template <class K>
std::uint64_t NumberOf(const K& key) {
  if constexpr (NumberKey<K>) {
    return static_cast<std::uint64_t>(key);
  } else {
    return std::hash<K>{}(key);
  }
}

template <class K>
std::uint64_t KeyBits(const K& key) {
  if constexpr (TextKey<K>) {
    return HashBytes(key, 0);
  } else {
    return Mix(NumberOf(key));
  }
}

// Bytes of content; nothing for what owns memory in ways that are not known here.
template <class T>
std::optional<std::uint64_t> ContentBytes(const T& object) {
  if constexpr (TextKey<T>) {
    return std::string_view(object).size();
  } else if constexpr (requires {
                         typename T::value_type;
                         object.data();
                         object.size();
                       }) {
    return object.size() * sizeof(typename T::value_type);
  } else if constexpr (std::is_trivially_copyable_v<T>) {
    return sizeof(T);
  } else {
    return std::nullopt;
  }
}

}  // namespace internal

class TraceRecorder {
  using MapOp = internal::MapOp;
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kOps = internal::kMapOpNames.size();
  static constexpr std::size_t kLongestKey = 1024;  // longer ones are written as their hash
  static constexpr std::uint64_t kNoBytes = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::size_t kCached = 4;
  static constexpr std::size_t kSweepAt = 64;  // threads

 public:
  // Throws std::invalid_argument for options that make no sense, and std::system_error when the
  // first file cannot be made.
  explicit TraceRecorder(RecorderOptions options)
      : options_(std::move(options)),
        period_(static_cast<std::uint32_t>(std::lround(1 / std::clamp(options_.rate, 1e-9, 1.0)))),
        threshold_(options_.rate >= 1 ? std::numeric_limits<std::uint64_t>::max()
                                      : static_cast<std::uint64_t>(std::ldexp(options_.rate, 64))) {
    if (!(options_.rate > 0 && options_.rate <= 1)) {
      throw std::invalid_argument("the sampling rate is a number in (0, 1]");
    }
    if (options_.buffer_bytes < 4096 || options_.rotate_bytes < 4096 || options_.max_files == 0) {
      throw std::invalid_argument(
          "buffers and files hold 4096 bytes or more, and there is one file");
    }
    if (options_.hash_keys) {
      std::random_device random;
      hash_seed_ = std::uint64_t{random()} << 32 | random();
    }
    const std::lock_guard lock(files_mutex_);
    OpenFile();
    if (!error_.empty()) throw std::system_error(errno, std::generic_category(), error_);
    Live::Add(this);
  }
  ~TraceRecorder() {
    Live::Remove(this);
    Flush();
    const std::lock_guard lock(files_mutex_);
    if (file_ >= 0) close(file_);
  }
  TraceRecorder(const TraceRecorder&) = delete;
  TraceRecorder& operator=(const TraceRecorder&) = delete;

  // Notes that the operation on `key` was done. `found`: whether the key was there, where the map
  // tells. `value` is called, if the operation is recorded, for the bytes of the value. The rest
  // of the cost is a counter, a hash and a comparison.
  template <class K, class ValueBytes>
  void Note(MapOp op, const K& key, std::optional<bool> found, ValueBytes value) noexcept {
    Thread& mine = Mine();
    mine.Count(op, found.value_or(false));
    const bool due = options_.sampled == Sampled::kKeys ? internal::KeyBits(key) <= threshold_
                                                        : mine.Due(period_);
    if (due) [[unlikely]]
      Record(mine, op, key, found, value());
  }

  // Writes what is recorded. Wait-free for nobody; called when a buffer fills, or is old.
  void Flush() {
    const std::lock_guard lock(files_mutex_);
    WriteBuffers();
  }

  // Empty while all is well.
  std::string error() const {
    const std::lock_guard lock(files_mutex_);
    return error_;
  }

  // The counters in Prometheus' text format. They count all operations, not only recorded ones.
  std::string PrometheusText() const {
    const std::lock_guard lock(files_mutex_);
    std::array<std::uint64_t, kOps + 1> counts = Totals();
    std::string label;
    for (const char c : options_.name) {
      if (c == '"' || c == '\\' || c == '\n') label += '\\';
      label += c == '\n' ? 'n' : c;
    }
    std::string text;
    const auto family = [&](const char* name, const char* type, const char* help) {
      text += std::string("# HELP ") + name + ' ' + help + "\n# TYPE " + name + ' ' + type + '\n';
    };
    const auto sample = [&](const char* name, std::string_view op, std::uint64_t value) {
      text += std::string(name) + "{map=\"" + label + '"';
      if (!op.empty()) text += ",operation=\"" + std::string(op) + '"';
      text += "} " + std::to_string(value) + '\n';
    };
    family("sampled_map_operations_total", "counter", "Operations on the map.");
    for (std::size_t i = 0; i < kOps; ++i) {
      sample("sampled_map_operations_total", internal::kMapOpNames[i], counts[i]);
    }
    family("sampled_map_lookups_found_total", "counter", "Look-ups that found their key.");
    sample("sampled_map_lookups_found_total", "", counts[kOps]);
    family("sampled_map_recorded_total", "counter", "Operations written to the trace.");
    sample("sampled_map_recorded_total", "", written_records_);
    family("sampled_map_lost_total", "counter", "Recorded operations that could not be written.");
    sample("sampled_map_lost_total", "", lost_records_);
    family("sampled_map_trace_bytes_total", "counter", "Bytes written to the trace.");
    sample("sampled_map_trace_bytes_total", "", written_bytes_);
    family("sampled_map_threads", "gauge", "Threads that have buffers.");
    sample("sampled_map_threads", "", threads_.size());
    return text;
  }

  // The same into a file, which is replaced at once (for node_exporter's textfile collector).
  bool WritePrometheus(const std::string& path) const {
    const std::string partial = path + ".partial";
    const std::string text = PrometheusText();
    std::FILE* file = std::fopen(partial.c_str(), "w");
    if (file == nullptr) return false;
    const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if (std::fclose(file) == 0 && written && std::rename(partial.c_str(), path.c_str()) == 0) {
      return true;
    }
    std::remove(partial.c_str());
    return false;
  }

 private:
  struct Entry {
    std::uint64_t time_ns;
    std::uint64_t key;          // number or hash, unless text follows
    std::uint64_t key_bytes;    // of the key, kNoBytes: unknown
    std::uint64_t value_bytes;  // likewise
    std::uint32_t text_bytes;   // follow the entry
    std::uint32_t thread;
    MapOp op;
    std::uint8_t found;  // 2: unknown
    bool hashed;
  };

  // What a thread has for itself. Counters are written by it alone.
  struct alignas(64) Thread {
    // Relaxed: each is a number for itself.
    std::array<std::atomic<std::uint64_t>, kOps + 1> counts{};
    std::uint32_t left = 1;  // operations until the next recorded one
    std::uint64_t random = 1;
    std::atomic<bool> ended = false;
    std::uint32_t number = 0;
    std::mutex mutex;  // of the buffer; the owner and whoever writes files
    std::vector<char> buffer;

    void Count(MapOp op, bool found) noexcept {
      Increment(counts[static_cast<std::size_t>(op)], 1);
      if (internal::IsLookup(op)) Increment(counts[kOps], found);
    }
    static void Increment(std::atomic<std::uint64_t>& counter, std::uint64_t by) noexcept {
      counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }
    // One operation in `period`, at random distances: equal ones could be in step with loops.
    bool Due(std::uint32_t period) noexcept {
      if (--left != 0) [[likely]]
        return false;
      random = random * 6364136223846793005 + 1442695040888963407;
      left = 1 + static_cast<std::uint32_t>((random >> 33) % (2 * period - 1));
      return true;
    }
  };

  // The threads' way to their Threads: a small cache, and what says that a thread has ended.
  struct Cached {
    std::uint64_t recorder;
    Thread* thread;
  };
  struct Registrations {
    std::vector<std::pair<std::uint64_t, std::shared_ptr<Thread>>> of;
    ~Registrations() {
      cached_ = {};
      gone_ = true;
      // Release: all that the thread counted is seen by whoever sees it ended.
      for (auto& [id, thread] : of) thread->ended.store(true, std::memory_order_release);
    }
  };
  inline static constinit thread_local std::array<Cached, kCached> cached_{};
  inline static constinit thread_local bool gone_ = false;

  Thread& Mine() noexcept {
    const Cached& cached = cached_[id_ % kCached];
    if (cached.recorder == id_) [[likely]]
      return *cached.thread;
    return Register();
  }

  [[gnu::noinline]] Thread& Register() noexcept {
    // After its end, destructors of other thread-local or static objects may still use the map.
    static thread_local Registrations registrations;
    if (!gone_) {
      for (auto& [id, thread] : registrations.of) {
        if (id != id_) continue;
        cached_[id_ % kCached] = {id_, thread.get()};
        return *thread;
      }
    }
    auto thread = std::make_shared<Thread>();
    {
      const std::lock_guard lock(files_mutex_);
      thread->number = next_thread_++;
      thread->random = internal::Mix(thread->number + 1);
      threads_.push_back(thread);
      // Threads that come and go without recording anything.
      if (threads_.size() >= sweep_at_) {
        WriteBuffers();
        sweep_at_ = 2 * threads_.size() + kSweepAt;
      }
    }
    if (!gone_) registrations.of.emplace_back(id_, thread);
    cached_[id_ % kCached] = {id_, thread.get()};
    return *thread;
  }

  template <class K>
  [[gnu::noinline]] void Record(Thread& mine, MapOp op, const K& key, std::optional<bool> found,
                                std::optional<std::uint64_t> value_bytes) noexcept {
    Entry entry{};
    std::string_view text;
    entry.key_bytes = internal::ContentBytes(key).value_or(kNoBytes);
    if constexpr (internal::TextKey<K>) {
      text = key;
      entry.hashed = options_.hash_keys || text.size() > kLongestKey;
      if (entry.hashed) {
        entry.key = internal::HashBytes(text, hash_seed_);
        text = {};
      }
    } else {
      entry.hashed = options_.hash_keys;
      entry.key = internal::NumberOf(key);
      if (entry.hashed)
        entry.key = internal::Mix(internal::Mix(entry.key ^ hash_seed_) + hash_seed_);
    }
    entry.text_bytes = static_cast<std::uint32_t>(text.size());
    entry.value_bytes = value_bytes.value_or(kNoBytes);
    entry.op = op;
    entry.found = found ? *found : 2;
    entry.thread = mine.number;
    for (;;) {
      switch (Append(mine, entry, text)) {
        case Appended::kYes:
          return;
        case Appended::kYesAndDue:
          // There is room still: nobody has to wait while another thread writes.
          if (std::unique_lock lock(files_mutex_, std::try_to_lock); lock) WriteBuffers();
          return;
        case Appended::kFull:
          Flush();
      }
    }
  }

  enum class Appended { kYes, kYesAndDue, kFull };

  Appended Append(Thread& mine, Entry& entry, std::string_view text) noexcept {
    const std::lock_guard lock(mine.mutex);
    if (mine.buffer.capacity() == 0) mine.buffer.reserve(options_.buffer_bytes);
    if (mine.buffer.size() + sizeof entry + text.size() > options_.buffer_bytes) {
      return Appended::kFull;
    }
    // Under the lock: whoever empties the buffers afterwards finds all earlier times in them.
    entry.time_ns = Now();
    const auto* bytes = reinterpret_cast<const char*>(&entry);
    mine.buffer.insert(mine.buffer.end(), bytes, bytes + sizeof entry);
    mine.buffer.insert(mine.buffer.end(), text.begin(), text.end());
    // Another thread may have written since, at a later time than this one.
    const std::uint64_t due =
        last_write_ns_.load(std::memory_order_relaxed) +
        static_cast<std::uint64_t>(options_.flush_interval.count()) * 1'000'000;
    const bool half_full = mine.buffer.size() >= options_.buffer_bytes / 2;
    return half_full || entry.time_ns > due ? Appended::kYesAndDue : Appended::kYes;
  }

  std::uint64_t Now() const noexcept {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count());
  }

  // All of the following with files_mutex_ held.

  std::array<std::uint64_t, kOps + 1> Totals() const {
    std::array<std::uint64_t, kOps + 1> totals = ended_counts_;
    for (const auto& thread : threads_) {
      for (std::size_t i = 0; i < totals.size(); ++i) {
        totals[i] += thread->counts[i].load(std::memory_order_relaxed);
      }
    }
    return totals;
  }

  void WriteBuffers() {
    // Whatever is recorded after this moment may still be overtaken; it stays for the next time.
    const std::uint64_t until = Now();
    last_write_ns_.store(until, std::memory_order_relaxed);
    entries_.clear();
    arena_.clear();
    for (std::size_t i = 0; i < threads_.size();) {
      Thread& thread = *threads_[i];
      // Before the buffer is looked at: what an ended thread left is all there.
      const bool ended = thread.ended.load(std::memory_order_acquire);
      if (Collect(thread, until) && ended) {
        for (std::size_t c = 0; c < ended_counts_.size(); ++c) {
          ended_counts_[c] += thread.counts[c].load(std::memory_order_relaxed);
        }
        threads_.erase(threads_.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    std::stable_sort(entries_.begin(), entries_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    lines_.clear();
    for (const auto& [time, offset] : entries_) {
      AppendLine(offset);
      if (file_bytes_ + lines_.size() >= options_.rotate_bytes) {
        WriteLines();
        OpenFile();
      }
    }
    AppendTotals("#total");
    WriteLines();
  }

  // Moves a thread's entries up to a moment into the arena; whether none is left.
  bool Collect(Thread& thread, std::uint64_t until) {
    const std::lock_guard lock(thread.mutex);
    std::size_t at = 0;
    while (at < thread.buffer.size()) {
      Entry entry;
      std::memcpy(&entry, thread.buffer.data() + at, sizeof entry);
      if (entry.time_ns > until) break;
      entries_.emplace_back(entry.time_ns, arena_.size() + at);
      at += sizeof entry + entry.text_bytes;
    }
    arena_.insert(arena_.end(), thread.buffer.begin(),
                  thread.buffer.begin() + static_cast<std::ptrdiff_t>(at));
    thread.buffer.erase(thread.buffer.begin(),
                        thread.buffer.begin() + static_cast<std::ptrdiff_t>(at));
    return thread.buffer.empty();
  }

  void AppendNumber(std::uint64_t number, int base = 10) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.begin(), digits.end(), number, base).ptr;
    lines_.append(digits.begin(), end);
  }

  void AppendLine(std::size_t offset) {
    Entry entry;
    std::memcpy(&entry, arena_.data() + offset, sizeof entry);
    AppendNumber(entry.time_ns);
    lines_ += ',';
    AppendNumber(entry.thread);
    lines_ += ',';
    lines_ += internal::kMapOpNames[static_cast<std::size_t>(entry.op)];
    lines_ += ',';
    if (entry.hashed) {
      lines_ += '~';
      AppendNumber(entry.key, 16);
    } else if (entry.key_bytes == entry.text_bytes) {
      AppendText({arena_.data() + offset + sizeof entry, entry.text_bytes});
    } else {
      AppendNumber(entry.key);
    }
    for (const std::uint64_t bytes : {entry.value_bytes, entry.key_bytes}) {
      lines_ += ',';
      if (bytes != kNoBytes) AppendNumber(bytes);
    }
    lines_ += entry.found == 2 ? ",\n" : entry.found == 1 ? ",1\n" : ",0\n";
    ++pending_records_;
  }

  // What would end a field or a line, and what is not printed, as %XX. The empty key is %.
  void AppendText(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (text.empty()) lines_ += '%';
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte <= ' ' || byte == 0x7f || c == ',' || c == '%') {
        lines_ += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
      } else {
        lines_ += c;
      }
    }
  }

  void AppendTotals(const char* note) {
    const auto totals = Totals();
    std::uint64_t operations = 0;
    std::uint64_t lookups = 0;
    for (std::size_t i = 0; i < kOps; ++i) {
      operations += totals[i];
      if (internal::IsLookup(static_cast<MapOp>(i))) lookups += totals[i];
    }
    lines_ += note;
    lines_ += " operations=";
    AppendNumber(operations);
    lines_ += " lookups=";
    AppendNumber(lookups);
    lines_ += '\n';
  }

  void WriteLines() {
    std::size_t done = 0;
    while (done < lines_.size() && error_.empty()) {
      const ssize_t n = write(file_, lines_.data() + done, lines_.size() - done);
      if (n > 0) {
        done += static_cast<std::size_t>(n);
      } else if (errno != EINTR) {
        Fail("cannot be written");
      }
    }
    (error_.empty() ? written_records_ : lost_records_) += pending_records_;
    pending_records_ = 0;
    file_bytes_ += done;
    written_bytes_ += done;
    lines_.clear();
  }

  void OpenFile() {
    if (!error_.empty()) return;
    if (file_ >= 0) close(file_);
    std::array<char, 32> suffix;
    std::snprintf(suffix.data(), suffix.size(), ".%06u.csv", ++file_number_);
    files_.push_back(options_.path + suffix.data());
    file_ = open(files_.back().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    file_bytes_ = 0;
    if (file_ < 0) return Fail("cannot be made");
    if (files_.size() > options_.max_files) {
      unlink(files_.front().c_str());
      files_.pop_front();
    }
    std::array<char, 32> rate;
    const auto end = std::to_chars(rate.begin(), rate.end(), options_.rate).ptr;
    lines_ = std::string("#trace recorded=") +
             (options_.sampled == Sampled::kKeys ? "keys" : "operations") +
             " rate=" + std::string(rate.begin(), end) + '\n';
    AppendTotals("#from");
    lines_ += "time_ns,thread,operation,key,value_size,key_size,found\n";
    WriteLines();
  }

  void Fail(const char* what) {
    error_ = files_.back() + ' ' + what + ": " + std::generic_category().message(errno);
  }

  // The recorders there are, for the end of the program.
  class Live {
   public:
    static void Add(TraceRecorder* recorder) {
      const std::lock_guard lock(Mutex());
      static const int registered = std::atexit([] {
        const std::lock_guard exit_lock(Mutex());
        for (TraceRecorder* each : All()) each->Flush();
      });
      static_cast<void>(registered);
      All().push_back(recorder);
    }
    static void Remove(TraceRecorder* recorder) {
      const std::lock_guard lock(Mutex());
      std::erase(All(), recorder);
    }

   private:
    // Never destroyed: recorders may be static objects.
    static std::mutex& Mutex() {
      static std::mutex& mutex = *new std::mutex;
      return mutex;
    }
    static std::vector<TraceRecorder*>& All() {
      static auto& all = *new std::vector<TraceRecorder*>;
      return all;
    }
  };

  static std::uint64_t NextId() {
    static std::atomic<std::uint64_t> next{1};
    return next.fetch_add(1, std::memory_order_relaxed);
  }

  const RecorderOptions options_;
  const std::uint64_t id_ = NextId();  // never used again, unlike an address
  const Clock::time_point start_ = Clock::now();
  const std::uint32_t period_;
  const std::uint64_t threshold_;
  std::uint64_t hash_seed_ = 0;
  alignas(64) std::atomic<std::uint64_t> last_write_ns_{0};

  mutable std::mutex files_mutex_;
  std::vector<std::shared_ptr<Thread>> threads_;
  std::array<std::uint64_t, kOps + 1> ended_counts_{};  // of threads that are gone
  std::uint32_t next_thread_ = 0;
  std::size_t sweep_at_ = kSweepAt;
  int file_ = -1;
  unsigned file_number_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::deque<std::string> files_;
  std::string error_;
  std::uint64_t written_records_ = 0;
  std::uint64_t lost_records_ = 0;
  std::uint64_t pending_records_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::vector<std::pair<std::uint64_t, std::size_t>> entries_;  // time, place in the arena
  std::vector<char> arena_;
  std::string lines_;
};

// A map with a recorder. Operations are named and behave as those of the map itself; each is noted
// once it is done.
template <class Map>
class SampledMap {
  using MapOp = internal::MapOp;

 public:
  using key_type = typename Map::key_type;
  using mapped_type = typename Map::mapped_type;

  // The recorder outlives the map; the other arguments are the map's own.
  template <class... Arguments>
  explicit SampledMap(TraceRecorder& recorder, Arguments&&... arguments)
      : recorder_(&recorder), map_(std::forward<Arguments>(arguments)...) {}

  // Unrecorded.
  Map& map() { return map_; }
  const Map& map() const { return map_; }

  // The operations of maps/concurrent_map.h.

  auto Load(const key_type& key) requires requires(Map& m) { m.Load(key); }
  {
    auto value = map_.Load(key);
    recorder_->Note(MapOp::kLoad, key, value.has_value(), [&] { return BytesOf(value); });
    return value;
  }
  void Store(const key_type& key, const mapped_type& value) requires requires(Map& m) {
    m.Store(key, value);
  }
  {
    map_.Store(key, value);
    recorder_->Note(MapOp::kStore, key, std::nullopt, ValueBytes(value));
  }
  auto LoadOrStore(const key_type& key, const mapped_type& value) requires requires(Map& m) {
    m.LoadOrStore(key, value);
  }
  {
    auto result = map_.LoadOrStore(key, value);
    recorder_->Note(MapOp::kLoadOrStore, key, result.loaded, ValueBytes(result.value));
    return result;
  }
  template <class Make>
  auto LoadOrCompute(const key_type& key, Make&& make) requires requires(Map& m) {
    m.LoadOrCompute(key, std::forward<Make>(make));
  }
  {
    auto result = map_.LoadOrCompute(key, std::forward<Make>(make));
    recorder_->Note(MapOp::kLoadOrCompute, key, result.loaded, ValueBytes(result.value));
    return result;
  }
  auto LoadAndDelete(const key_type& key) requires requires(Map& m) { m.LoadAndDelete(key); }
  {
    auto value = map_.LoadAndDelete(key);
    recorder_->Note(MapOp::kLoadAndDelete, key, value.has_value(), [&] { return BytesOf(value); });
    return value;
  }
  bool Delete(const key_type& key) requires requires(Map& m) { m.Delete(key); }
  {
    const bool deleted = map_.Delete(key);
    recorder_->Note(MapOp::kDelete, key, deleted, NoValue);
    return deleted;
  }
  auto Swap(const key_type& key, const mapped_type& value) requires requires(Map& m) {
    m.Swap(key, value);
  }
  {
    auto before = map_.Swap(key, value);
    recorder_->Note(MapOp::kSwap, key, before.has_value(), ValueBytes(value));
    return before;
  }
  bool CompareAndSwap(const key_type& key, const mapped_type& expected,
                      const mapped_type& value) requires requires(Map& m) {
    m.CompareAndSwap(key, expected, value);
  }
  {
    const bool swapped = map_.CompareAndSwap(key, expected, value);
    recorder_->Note(MapOp::kCompareAndSwap, key, swapped, ValueBytes(value));
    return swapped;
  }
  bool CompareAndDelete(const key_type& key, const mapped_type& expected) requires
      requires(Map& m) {
    m.CompareAndDelete(key, expected);
  }
  {
    const bool deleted = map_.CompareAndDelete(key, expected);
    recorder_->Note(MapOp::kCompareAndDelete, key, deleted, NoValue);
    return deleted;
  }
  // Of the whole map; a trace has no room for them.
  template <class Visit>
  void Range(Visit&& visit) requires requires(Map& m) {
    m.Range(std::forward<Visit>(visit));
  }
  { map_.Range(std::forward<Visit>(visit)); }
  void Clear() requires requires(Map& m) { m.Clear(); }
  { map_.Clear(); }
  std::size_t Size() requires requires(Map& m) { m.Size(); }
  { return map_.Size(); }
  void Reserve(std::size_t n) requires requires(Map& m) { m.Reserve(n); }
  { map_.Reserve(n); }
  template <class Batch>
  void StoreBatch(const Batch& batch) requires requires(Map& m) {
    m.StoreBatch(batch);
  }
  {
    map_.StoreBatch(batch);
    for (const auto& [key, value] : batch) {
      recorder_->Note(MapOp::kStore, key, std::nullopt, ValueBytes(value));
    }
  }

  // The operations of std::unordered_map.

  auto find(const key_type& key) requires requires(Map& m) { m.find(key) == m.end(); }
  { return Found(map_, key); }
  auto find(const key_type& key) const requires requires(const Map& m) { m.find(key) == m.end(); }
  { return Found(map_, key); }
  std::size_t count(const key_type& key) const requires requires(const Map& m) {
    m.find(key)->second;
  }
  { return Found(map_, key) != map_.end() ? 1 : 0; }
  bool contains(const key_type& key) const requires requires(const Map& m) { m.find(key)->second; }
  { return Found(map_, key) != map_.end(); }
  mapped_type& at(const key_type& key) requires requires(Map& m) { m.at(key); }
  {
    const auto at = Found(map_, key);
    return at == map_.end() ? map_.at(key) : at->second;
  }
  const mapped_type& at(const key_type& key) const requires requires(const Map& m) { m.at(key); }
  {
    const auto at = Found(map_, key);
    return at == map_.end() ? map_.at(key) : at->second;
  }
  mapped_type& operator[](const key_type& key) requires requires(Map& m) {
    m[key];
    m.try_emplace(key);
  }
  { return try_emplace(key).first->second; }
  template <class... Arguments>
  auto try_emplace(const key_type& key, Arguments&&... arguments) requires requires(Map& m) {
    m.try_emplace(key, std::forward<Arguments>(arguments)...);
  }
  { return Inserted(map_.try_emplace(key, std::forward<Arguments>(arguments)...)); }
  template <class... Arguments>
  auto emplace(Arguments&&... arguments) requires requires(Map& m) {
    m.emplace(std::forward<Arguments>(arguments)...).first->second;
  }
  { return Inserted(map_.emplace(std::forward<Arguments>(arguments)...)); }
  template <class Pair>
  auto insert(Pair&& pair) requires requires(Map& m) {
    m.insert(std::forward<Pair>(pair)).first->second;
  }
  { return Inserted(map_.insert(std::forward<Pair>(pair))); }
  auto insert(const std::pair<const key_type, mapped_type>& pair) requires requires(Map& m) {
    m.insert(pair).first->second;
  }
  { return Inserted(map_.insert(pair)); }
  template <class Value>
  auto insert_or_assign(const key_type& key, Value&& value) requires requires(Map& m) {
    m.insert_or_assign(key, std::forward<Value>(value));
  }
  {
    auto result = map_.insert_or_assign(key, std::forward<Value>(value));
    recorder_->Note(MapOp::kStore, key, !result.second, ValueBytes(result.first->second));
    return result;
  }
  std::size_t erase(const key_type& key) requires requires(Map& m) {
    { m.erase(key) } -> std::convertible_to<std::size_t>;
  }
  {
    const std::size_t erased = map_.erase(key);
    recorder_->Note(MapOp::kDelete, key, erased != 0, NoValue);
    return erased;
  }
  template <class Iterator>
  auto erase(Iterator at) requires requires(Map& m) {
    m.erase(at);
    at->first;
  }
  {
    recorder_->Note(MapOp::kDelete, at->first, true, NoValue);
    return map_.erase(at);
  }
  auto begin() requires requires(Map& m) { m.begin(); }
  { return map_.begin(); }
  auto end() requires requires(Map& m) { m.end(); }
  { return map_.end(); }
  auto begin() const requires requires(const Map& m) { m.begin(); }
  { return map_.begin(); }
  auto end() const requires requires(const Map& m) { m.end(); }
  { return map_.end(); }
  std::size_t size() const requires requires(const Map& m) { m.size(); }
  { return map_.size(); }
  bool empty() const requires requires(const Map& m) { m.empty(); }
  { return map_.empty(); }
  void clear() requires requires(Map& m) { m.clear(); }
  { map_.clear(); }
  void reserve(std::size_t n) requires requires(Map& m) { m.reserve(n); }
  { map_.reserve(n); }

 private:
  static std::optional<std::uint64_t> NoValue() { return std::nullopt; }
  static auto ValueBytes(const mapped_type& value) {
    return [&value] { return internal::ContentBytes(value); };
  }
  static std::optional<std::uint64_t> BytesOf(const std::optional<mapped_type>& value) {
    return value ? internal::ContentBytes(*value) : std::nullopt;
  }

  auto Found(auto& map, const key_type& key) const {
    auto at = map.find(key);
    const bool found = at != map.end();
    recorder_->Note(MapOp::kLoad, key, found,
                    [&] { return found ? internal::ContentBytes(at->second) : std::nullopt; });
    return at;
  }
  auto Inserted(auto result) {
    recorder_->Note(MapOp::kLoadOrStore, result.first->first, !result.second,
                    ValueBytes(result.first->second));
    return result;
  }

  TraceRecorder* recorder_;
  Map map_;
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_SAMPLED_MAP_H_
