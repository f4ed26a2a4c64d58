// SPDX-License-Identifier: Apache-2.0
//
// What this worker is: architecture, compiler, flags, clock, strategies.
#ifndef CMAP_EXPERIMENTS_WORKER_DESCRIBE_H_
#define CMAP_EXPERIMENTS_WORKER_DESCRIBE_H_

#include <nlohmann/json_fwd.hpp>

namespace cmap::experiments {

nlohmann::ordered_json Describe();

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_DESCRIBE_H_
