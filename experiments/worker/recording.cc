// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/recording.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "experiments/worker/errors.h"
#include "tools/trace/normalised.h"
#include "tools/trace/record.h"
#include "workloads/keys.h"

namespace cmap::experiments {
namespace {

constexpr const char* kNoOperation = " holds no operation; record some, or leave \"recording\" out";

}  // namespace

std::vector<std::int64_t> ReadArrivals(const std::string& path, std::uint64_t most, std::int64_t ns) {
  std::vector<std::int64_t> due;
  try {
    trace::NormalisedReader reader(path);
    if (!reader.has_times()) {
      throw InputError(path + " has no times, so its arrivals are not known; record them, or leave \"arrivals\" out");
    }
    trace::Step step;
    while (due.size() < most && reader.Next(step) && step.time_ns <= static_cast<std::uint64_t>(ns)) {
      due.push_back(static_cast<std::int64_t>(step.time_ns));
    }
  } catch (const trace::TraceError& error) {
    throw InputError(error.what());
  }
  if (due.empty()) throw InputError(path + kNoOperation);
  return due;
}

workloads::Tape ReadRecording(const std::string& path, std::uint64_t most) {
  workloads::Tape tape;
  std::vector<workloads::Entry>& sequence = tape.threads.emplace_back();
  try {
    trace::NormalisedReader reader(path);
    sequence.reserve(static_cast<std::size_t>(std::min(reader.ops(), most)));
    trace::Step step;
    while (sequence.size() < most && reader.Next(step)) {
      sequence.push_back(workloads::MakeEntry(step.op, step.key));
      tape.universe = std::max(tape.universe, step.key + 1);
      tape.op_set |= 1u << static_cast<unsigned>(step.op);
    }
  } catch (const trace::TraceError& error) {
    throw InputError(error.what());
  }
  if (sequence.empty()) {
    throw InputError(path + kNoOperation);
  }
  return tape;
}

std::unique_ptr<Material> RecordedMaterial(const workloads::Spec& workload, const std::string& path,
                                           std::uint64_t most, int threads,
                                           const workloads::Parallel& parallel, bool dealt) {
  // A tape of one operation, whose place the recording takes.
  workloads::Spec least;
  least.population = 1;
  auto material = std::make_unique<Material>(least, 1, 1, 0);
  material->spec = workload;
  material->tape = ReadRecording(path, most);
  material->laid_out_keys = workloads::LaidOutKeys(workload.key_layout, workload.key_stride);
  if (dealt) {
    const std::vector<workloads::Entry> sequence = std::move(material->tape.threads[0]);
    material->tape.threads = DealInTurn(std::span(sequence), threads);
    if (material->tape.length() == 0) {
      throw InputError(path + " has fewer operations in the time than there are threads; give it more time, or ask fewer threads");
    }
  }
  if (workload.key_type == workloads::KeyType::kString) {
    material->string_keys = workloads::Keys<std::string>(
        material->tape.universe, workload.key_bytes, parallel, static_cast<std::size_t>(threads));
  }
  return material;
}

}  // namespace cmap::experiments
