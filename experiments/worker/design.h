// SPDX-License-Identifier: Apache-2.0
//
// The order of contestants within a block. A slice leaves the machine in a
// state (caches, branch predictor, allocator, clock) that the next one inherits,
// so position and predecessor must not be confounded with the contestant.
//
// A block is a row of a Williams design followed by its reverse. In a Williams
// design over n contestants each stands once in each position and each ordered
// pair of neighbours occurs equally often: once over n rows when n is even,
// twice over 2n rows when n is odd (E. J. Williams, "Experimental designs
// balanced for the estimation of residual effects of treatments", Aust. J. Sci.
// Res. A 2, 1949). Appending the reverse also cancels a linear drift within the
// block. For two contestants this is ABBA or BAAB.
#ifndef CMAP_EXPERIMENTS_WORKER_DESIGN_H_
#define CMAP_EXPERIMENTS_WORKER_DESIGN_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace cmap::experiments {

// Rows of the design for n >= 1 contestants: n rows (n even or 1), 2n (n odd).
std::vector<std::vector<int>> WilliamsDesign(int contestants);

// The blocks of a visit: rows in random order, every row once before any row
// comes again. The same seed gives the same sequence everywhere.
class BlockOrders {
 public:
  BlockOrders(int contestants, std::uint64_t seed);

  // Contestant indices in the order of the block's 2n measured slices.
  std::vector<int> Next();

 private:
  std::vector<std::vector<int>> rows_;
  std::vector<std::size_t> shuffled_;
  std::size_t next_ = 0;
  std::mt19937_64 random_;
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_DESIGN_H_
