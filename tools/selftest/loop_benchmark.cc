// SPDX-License-Identifier: Apache-2.0
#include "benchmark/benchmark.h"

namespace {

void BM_Loop(benchmark::State& state) {
  int64_t sum = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sum += 1);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Loop)->ThreadRange(1, 2);

}  // namespace
