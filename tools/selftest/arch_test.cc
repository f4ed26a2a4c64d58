// SPDX-License-Identifier: Apache-2.0
// Run with --arch=<architecture>: whether this program was built for it, with the compiler settings the project relies on.

#include <atomic>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

std::string& ExpectedArch() {
  static std::string arch;
  return arch;
}

TEST(ArchTest, ProgramIsOfTheArchitectureAskedFor) {
#if defined(__x86_64__)
  const std::string_view built_for = "x86_64";
#elif defined(__aarch64__)
  const std::string_view built_for = "aarch64";
#else
#error "built for neither x86_64 nor aarch64"
#endif
  EXPECT_EQ(built_for, ExpectedArch());
}

TEST(ArchTest, StandardIsCxx20) { EXPECT_GE(__cplusplus, 202002L); }

TEST(ArchTest, WordSizedAtomicsAreLockFree) {
  EXPECT_TRUE(std::atomic<void*>::is_always_lock_free);
  EXPECT_TRUE(std::atomic<std::uint64_t>::is_always_lock_free);
}

TEST(ArchTest, ThreadsRunAndJoin) {
  std::atomic<int> sum{0};
  {
    std::jthread one([&sum] { sum.fetch_add(1, std::memory_order_relaxed); });
    std::jthread two([&sum] { sum.fetch_add(2, std::memory_order_relaxed); });
  }
  EXPECT_EQ(sum.load(std::memory_order_relaxed), 3);
}

TEST(ArchTest, ExceptionsUnwind) {
  EXPECT_THROW(nlohmann::json::parse("{\"half\": ").size(), nlohmann::json::parse_error);
}

TEST(ArchTest, JsonAndMatchersAreUsable) {
  const auto value = nlohmann::json::parse("{\"counts\": [1, 2, 3]}");
  EXPECT_THAT(value.at("counts").get<std::vector<int>>(), testing::ElementsAre(1, 2, 3));
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--arch=")) ExpectedArch() = argument.substr(7);
  }
  return RUN_ALL_TESTS();
}
