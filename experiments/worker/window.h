// SPDX-License-Identifier: Apache-2.0
//
// One thread's part of a window of time: it plays chunks of its tape until the
// agreed end. With a quota of operations instead, fast threads end early and the
// rest runs with less contention; in a window all run to the end, and how far each
// got is a result.
//
// Between chunks the thread looks at the clock (about 20 ns), so chunks are as long
// as the clock's cost demands, at most kMostChunk operations, and as short as the
// window's end allows: a chunk that took more than a hundredth of the window (ten
// microseconds an operation are common on a contended lock) is followed by a smaller
// one, down to a single operation. A thread that is late in the end, asleep in a
// lock, holds nobody in the window: each is scored by its own operations over its
// own time.
//
// A window without an end in time (untimed visits) ends after a number of
// operations.
#ifndef CMAP_EXPERIMENTS_WORKER_WINDOW_H_
#define CMAP_EXPERIMENTS_WORKER_WINDOW_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace cmap::experiments {

struct Window {
  std::int64_t length = 0;   // nanoseconds; 0: by operations
  std::uint64_t quota = 0;   // operations a thread, when length is 0
};

// How far one thread got.
struct WindowPart {
  std::uint64_t ops = 0;
  std::int64_t start = 0;  // nanoseconds, as the clock has them
  std::int64_t end = 0;
  std::int64_t gap = 0;    // longest time between two completed chunks
};

class ChunkLength {
 public:
  static constexpr std::size_t kFirst = 16;
  static constexpr std::size_t kMost = 512;

  explicit ChunkLength(std::int64_t window) : window_(window) {}
  std::size_t next() const { return length_; }
  // The last chunk took so long, nanoseconds.
  void Took(std::int64_t ns) {
    if (ns > window_ / 100) {
      // To about half of what is allowed.
      const double part = static_cast<double>(window_) / 200 / static_cast<double>(ns);
      length_ = std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(length_) * part));
    } else if (ns < window_ / 400) {
      length_ = std::min(kMost, 2 * length_);
    }
  }

 private:
  std::int64_t window_;
  std::size_t length_ = kFirst;
};

// Plays from `agreed`, the common start, until the window's end. now() gives
// nanoseconds; play(n) plays the next n or more operations and returns how many. A
// thread that starts late is timed from when it did.
template <class Now, class Play>
WindowPart PlayWindow(const Window& window, std::int64_t agreed, Now&& now, Play&& play) {
  WindowPart part;
  if (window.length == 0) {
    while (part.ops < window.quota) {
      part.ops += play(std::min<std::uint64_t>(ChunkLength::kMost, window.quota - part.ops));
    }
    return part;
  }
  ChunkLength chunk(window.length);
  const std::int64_t end = agreed + window.length;
  part.start = now();
  std::int64_t before = part.start;
  do {
    part.ops += play(chunk.next());
    const std::int64_t after = now();
    chunk.Took(after - before);
    part.gap = std::max(part.gap, after - before);
    before = after;
  } while (before < end);
  part.end = before;
  return part;
}

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_WINDOW_H_
