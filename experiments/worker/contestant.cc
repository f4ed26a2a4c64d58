// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/contestant.h"

namespace cmap::experiments {

Material::Material(const workloads::Spec& workload, int threads,
                   std::uint64_t ops_per_thread, std::uint64_t seed)
    : spec(workload),
      tape(workloads::GenerateTape(workload, threads, ops_per_thread, seed)) {
  if (spec.key_type == workloads::KeyType::kString) {
    string_keys = workloads::Keys<std::string>(tape.universe, spec.key_bytes);
  }
}

}  // namespace cmap::experiments
