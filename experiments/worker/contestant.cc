// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/contestant.h"

namespace cmap::experiments {

Material::Material(const workloads::Spec& workload, int threads,
                   std::uint64_t ops_per_thread, std::uint64_t seed,
                   const workloads::Parallel& parallel)
    : spec(workload),
      tape(workload.StartsEmpty()
               ? workloads::GenerateDealtTape(workload, threads, ops_per_thread, seed, parallel)
               : workloads::GenerateTape(workload, threads, ops_per_thread, seed, parallel)),
      laid_out_keys(workload.key_layout, workload.key_stride) {
  if (spec.key_type == workloads::KeyType::kString) {
    string_keys = workloads::Keys<std::string>(tape.universe, spec.key_bytes, parallel,
                                               static_cast<std::size_t>(threads));
  }
}

}  // namespace cmap::experiments
