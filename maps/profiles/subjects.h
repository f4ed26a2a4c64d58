// SPDX-License-Identifier: Apache-2.0
//
// The list that a program which profiles every strategy (maps/memory, maps/blocking) keeps
// of its subjects, ascending by name.
#ifndef CMAP_MAPS_PROFILES_SUBJECTS_H_
#define CMAP_MAPS_PROFILES_SUBJECTS_H_

#include <algorithm>
#include <utility>
#include <vector>

namespace cmap::profiles {

// Made when it is first asked for, as generated files register before main(), in no order.
template <class Subject>
std::vector<Subject>& Registered() {
  static auto& subjects = *new std::vector<Subject>;
  return subjects;
}

// Always true. Not for several threads.
template <class Subject>
bool Insert(Subject subject) {
  std::vector<Subject>& all = Registered<Subject>();
  const auto place = std::ranges::lower_bound(all, subject.name, {}, &Subject::name);
  all.insert(place, std::move(subject));
  return true;
}

}  // namespace cmap::profiles

#endif  // CMAP_MAPS_PROFILES_SUBJECTS_H_
