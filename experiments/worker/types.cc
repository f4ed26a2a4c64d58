// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/types.h"

namespace cmap::experiments {

using workloads::ValueType;

Types TypesOf(const workloads::Spec& workload) {
  return {workload.key_type, workload.value_type,
          workload.value_type == ValueType::kInline ? workload.value_bytes : 0,
          workload.hash == workloads::HashKind::kIdentity ? workloads::HashKind::kStd
                                                          : workload.hash,
          workload.key_layout != workloads::KeyLayout::kMixed};
}

std::string TypesName(const Types& types) {
  std::string name = std::string(workloads::KeyTypeName(types.key)) +
                     (types.laid_out ? "@laid_out>" : ">") +
                     std::string(workloads::ValueTypeName(types.value));
  if (types.value == ValueType::kInline) name += std::to_string(types.inline_bytes);
  return name + "#" + std::string(workloads::HashName(types.hash));
}

}  // namespace cmap::experiments
