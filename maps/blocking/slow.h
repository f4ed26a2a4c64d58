// SPDX-License-Identifier: Apache-2.0
//
// Keys and values whose hash, comparison or copy can be made to take long: once, on one
// thread.
#ifndef CMAP_MAPS_BLOCKING_SLOW_H_
#define CMAP_MAPS_BLOCKING_SLOW_H_

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace cmap::blocking {

enum class Moment { kNone, kHash, kEquality, kCopy };

// Calls `what` at the next such moment of the calling thread, once; null: never.
class Armed {
 public:
  Armed(Moment moment, const std::function<void()>& what) {
    moment_ = moment;
    what_ = &what;
  }
  ~Armed() { moment_ = Moment::kNone; }
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;

  static void Pass(Moment moment) {
    if (moment_ != moment) [[likely]] return;
    moment_ = Moment::kNone;
    (*what_)();
  }

 private:
  inline static constinit thread_local Moment moment_ = Moment::kNone;
  inline static constinit thread_local const std::function<void()>* what_ = nullptr;
};

// Whether all keys have one hash, so that they meet wherever hashes decide. Changed while
// there is no map.
inline constinit std::atomic<bool> one_hash{false};

class Key {
 public:
  Key() = default;
  explicit Key(std::uint64_t number) : number_(number) {}
  std::uint64_t number() const { return number_; }
  friend bool operator==(const Key& a, const Key& b) {
    Armed::Pass(Moment::kEquality);
    return a.number_ == b.number_;
  }
  friend std::strong_ordering operator<=>(const Key& a, const Key& b) {
    Armed::Pass(Moment::kEquality);
    return a.number_ <=> b.number_;
  }

 private:
  std::uint64_t number_ = 0;
};

// Copied by functions of its own, so that no map keeps it as a word.
class Value {
 public:
  Value() = default;
  explicit Value(std::uint64_t number) : number_(number) {}
  Value(const Value& other) : number_(Copied(other)) {}
  Value(Value&& other) noexcept : number_(other.number_) {}
  Value& operator=(const Value& other) {
    number_ = Copied(other);
    return *this;
  }
  Value& operator=(Value&& other) noexcept {
    number_ = other.number_;
    return *this;
  }
  ~Value() {}
  friend bool operator==(const Value& a, const Value& b) { return a.number_ == b.number_; }

 private:
  static std::uint64_t Copied(const Value& other) {
    Armed::Pass(Moment::kCopy);
    return other.number_;
  }
  std::uint64_t number_ = 0;
};

}  // namespace cmap::blocking

// DefaultHash uses it, and it is the only hash that some libraries take.
template <>
struct std::hash<cmap::blocking::Key> {
  std::size_t operator()(const cmap::blocking::Key& key) const noexcept {
    cmap::blocking::Armed::Pass(cmap::blocking::Moment::kHash);
    return cmap::blocking::one_hash.load(std::memory_order_relaxed) ? 0 : key.number();
  }
};

#endif  // CMAP_MAPS_BLOCKING_SLOW_H_
