// SPDX-License-Identifier: Apache-2.0
//
// How the worker says no. Each exception's text is one sentence naming the
// thing at fault and the remedy; main() turns the type into an exit code.
#ifndef CMAP_EXPERIMENTS_WORKER_ERRORS_H_
#define CMAP_EXPERIMENTS_WORKER_ERRORS_H_

#include <stdexcept>
#include <string>

namespace cmap::experiments {

inline constexpr int kExitBadInput = 2;  // the request cannot be meant
inline constexpr int kExitInvalid = 3;   // a map gave a wrong answer
inline constexpr int kExitRefused = 4;   // the machine is too small for it
inline constexpr int kExitNoOutput = 5;  // what was to be said did not arrive

// The request names something that does not exist or does not fit together.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The request is sound, this machine cannot serve it.
class RefusedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A contestant's answer differs from what the tape says it must be.
class InvalidError : public std::runtime_error {
 public:
  InvalidError(int contestant, const std::string& what)
      : std::runtime_error(what), contestant_(contestant) {}
  int contestant() const { return contestant_; }

 private:
  int contestant_;
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_ERRORS_H_
