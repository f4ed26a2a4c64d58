// SPDX-License-Identifier: Apache-2.0
//
// The contestants of the wide worker: strategies with values other than 64-bit words,
// with hash functions other than the study's, and with integer keys otherwise laid out.
// Eleven combinations of types, each a second or more of compiling for every strategy;
// what is left out is inline values under string keys, and other hashes and layouts with
// larger values. Included by the generated registration files only.
#ifndef CMAP_EXPERIMENTS_WORKER_WIDE_FOR_H_
#define CMAP_EXPERIMENTS_WORKER_WIDE_FOR_H_

#include <cstdint>
#include <string>

#include "experiments/worker/contestant_for.h"
#include "workloads/hashes.h"
#include "workloads/values.h"

namespace cmap::experiments {

template <class Strategy>
bool RegisterWide() {
  using workloads::Fnv1aHash;
  using workloads::InlineValue;
  using workloads::LaidOutKeys;
  using workloads::StdHash;
  using U64 = std::uint64_t;
  using String = std::string;
  return Register<Strategy, U64, InlineValue<64>>() |
         Register<Strategy, U64, InlineValue<256>>() |
         Register<Strategy, U64, InlineValue<1024>>() |
         Register<Strategy, U64, InlineValue<4096>>() |
         Register<Strategy, U64, String>() | Register<Strategy, String, String>() |
         Register<Strategy, U64, U64, DefaultHash<U64>, LaidOutKeys>() |
         Register<Strategy, U64, U64, StdHash<U64>, LaidOutKeys>() |
         Register<Strategy, U64, U64, Fnv1aHash, LaidOutKeys>() |
         Register<Strategy, String, U64, StdHash<String>>() |
         Register<Strategy, String, U64, Fnv1aHash>();
}

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_WIDE_FOR_H_
