// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/design.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cmap::experiments {

std::vector<std::vector<int>> WilliamsDesign(int n) {
  // First row 0, n-1, 1, n-2, 2, ...: neighbours differ by n-1, 2, n-3, 4, ...
  // modulo n, all different when n is even. Adding a constant to the row keeps
  // the differences, so the n shifts cover every ordered pair once.
  std::vector<int> first;
  for (int low = 0, high = n - 1; low <= high; ++low, --high) {
    first.push_back(low);
    if (low != high) first.push_back(high);
  }
  std::vector<std::vector<int>> rows;
  for (int shift = 0; shift < n; ++shift) {
    std::vector<int> row;
    for (int c : first) row.push_back((c + shift) % n);
    rows.push_back(std::move(row));
  }
  if (n % 2 == 1 && n > 1) {
    // Odd n: some differences occur twice and others never; the reversed rows
    // supply exactly the missing ones.
    for (int i = 0; i < n; ++i) {
      std::vector<int> row = rows[static_cast<std::size_t>(i)];
      std::reverse(row.begin(), row.end());
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

BlockOrders::BlockOrders(int contestants, std::uint64_t seed)
    : rows_(WilliamsDesign(contestants)),
      shuffled_(rows_.size()),
      next_(rows_.size()),
      random_(seed) {
  std::iota(shuffled_.begin(), shuffled_.end(), std::size_t{0});
}

std::vector<int> BlockOrders::Next() {
  if (next_ == shuffled_.size()) {
    // Fisher-Yates by hand: std::shuffle may differ between libraries.
    for (std::size_t i = shuffled_.size(); i > 1; --i) {
      std::swap(shuffled_[i - 1], shuffled_[random_() % i]);
    }
    next_ = 0;
  }
  std::vector<int> order = rows_[shuffled_[next_++]];
  order.insert(order.end(), order.rbegin(), order.rend());
  return order;
}

}  // namespace cmap::experiments
