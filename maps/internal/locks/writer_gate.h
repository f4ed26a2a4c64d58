// SPDX-License-Identifier: Apache-2.0
//
// A gate that all writers of a map pass, and that one thread can shut to be alone with
// the data. Made for passing often and shutting rarely.
//
//   words_[thread % 16]:  [ writers inside | shut ]
//
//   Enter:  add one writer; if it was shut, take the writer away again and wait
//   Leave:  take the writer away
//   Shut:   set the bit in every word, then wait for every word's writers to leave
//
// Both sides change the same word by read-modify-writes, of which one comes first:
// either the writer sees the bit, or the bit is set after the writer was counted. So
// neither misses the other, without sequential consistency.
//
// Threads of equal number modulo 16 share a word; others do not disturb each other.
// Readers are no concern of the gate.
#ifndef CMAP_MAPS_INTERNAL_LOCKS_WRITER_GATE_H_
#define CMAP_MAPS_INTERNAL_LOCKS_WRITER_GATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/counting/thread_number.h"

namespace cmap::internal {

template <class Atomics>
class WriterGate {
  using Word = typename Atomics::template Atomic<std::uint64_t>;

 public:
  // A writer inside. Must not be held by a thread that shuts the gate, or that waits
  // for one that does. A thread that is inside already (the destructor of a value that
  // left the map calls the map) passes at once: nobody can have shut the gate.
  class Passage {
   public:
    explicit Passage(WriterGate& gate) : gate_(gate), outer_(innermost_) {
      if (!gate.Inside()) {
        word_ = &gate.words_[ThreadNumber<Atomics>::Mine() % kWords].word;
        // (1) acquire, pairs with (4): what was done while it was shut is seen. In the
        // order of the word's changes with (2).
        while ((word_->fetch_add(kWriter, std::memory_order_acquire) & kShut) != 0) {
          word_->fetch_sub(kWriter, std::memory_order_relaxed);
          // Until the gate is open again.
          const std::lock_guard wait(gate.mutex_);
        }
      }
      innermost_ = this;
    }
    ~Passage() {
      innermost_ = outer_;
      // (3) release, pairs with (2a).
      if (word_ != nullptr) word_->fetch_sub(kWriter, std::memory_order_release);
    }
    Passage(const Passage&) = delete;
    Passage& operator=(const Passage&) = delete;

   private:
    friend class WriterGate;
    WriterGate& gate_;
    Passage* const outer_;  // of the same thread, of any gate
    Word* word_ = nullptr;  // null: an outer passage of this gate holds it open
  };

  // Whether the calling thread is. O(its passages), mostly none.
  bool Inside() const {
    for (const Passage* p = innermost_; p != nullptr; p = p->outer_) {
      if (&p->gate_ == this) return true;
    }
    return false;
  }

  // No writer inside. Others who want to shut the gate wait, and so do writers.
  class Shut {
   public:
    explicit Shut(WriterGate& gate) : gate_(gate), lock_(gate.mutex_) {
      // (2) relaxed: only the order of each word's changes counts here, see (1).
      for (Padded& p : gate_.words_) p.word.fetch_or(kShut, std::memory_order_relaxed);
      for (Padded& p : gate_.words_) {
        // (2a) acquire, pairs with (3): what those have written who were inside.
        while (p.word.load(std::memory_order_acquire) != kShut) Atomics::Yield();
      }
    }
    ~Shut() {
      // (4) release, pairs with (1).
      for (Padded& p : gate_.words_) {
        p.word.fetch_and(~kShut, std::memory_order_release);
      }
    }
    Shut(const Shut&) = delete;
    Shut& operator=(const Shut&) = delete;

   private:
    WriterGate& gate_;
    const std::lock_guard<typename Atomics::Mutex> lock_;
  };

 private:
  static constexpr std::size_t kWords = 16;
  static constexpr std::uint64_t kShut = 1;
  static constexpr std::uint64_t kWriter = 2;

  struct alignas(kCacheLine) Padded {
    Word word{0};
  };
  std::array<Padded, kWords> words_;
  alignas(kCacheLine) typename Atomics::Mutex mutex_;
  inline static constinit thread_local Passage* innermost_ = nullptr;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_LOCKS_WRITER_GATE_H_
