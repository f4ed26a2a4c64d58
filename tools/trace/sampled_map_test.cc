// SPDX-License-Identifier: Apache-2.0
#include "tools/trace/sampled_map.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "maps/mutex_map.h"
#include "tools/trace/metrics_port.h"
#include "tools/trace/reader.h"
#include "tools/trace/testing/trace_file.h"

namespace cmap::trace {
namespace {

namespace fs = std::filesystem;
using testing::ReadAll;
using testing::ReadFile;
using testing::ReadTrace;

// A folder of its own for each test.
std::string NewPath() {
  static int number = 0;
  const std::string folder = testing::TestPath("recorded" + std::to_string(++number));
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder + "/trace";
}

std::vector<std::string> FilesOf(const std::string& path) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(fs::path(path).parent_path())) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

ReadTrace Recorded(const std::string& path) { return ReadAll(FilesOf(path)); }

struct Line {
  Op op;
  std::string key;
  std::optional<bool> found;
  std::optional<std::uint64_t> value_bytes;
  friend bool operator==(const Line&, const Line&) = default;
};

std::vector<Line> LinesOf(const ReadTrace& trace) {
  std::vector<Line> lines;
  for (const auto& [record, key] : trace.records) {
    lines.push_back({record.op, key, record.found, record.value_bytes});
  }
  return lines;
}

TEST(SampledMap, OperationsOfTheConcept) {
  const std::string path = NewPath();
  {
    TraceRecorder recorder({.path = path, .rate = 1});
    SampledMap<MutexMap<std::string, std::string>> map(recorder);
    map.Store("a", "12345");
    EXPECT_EQ(map.Load("a"), "12345");
    EXPECT_EQ(map.Load("b"), std::nullopt);
    EXPECT_FALSE(map.LoadOrStore("b", "1").loaded);
    EXPECT_EQ(map.Swap("b", "22"), "1");
    EXPECT_TRUE(map.CompareAndSwap("b", "22", "333"));
    EXPECT_FALSE(map.CompareAndDelete("b", "22"));
    EXPECT_TRUE(map.LoadOrCompute("b", [] { return std::string(); }).loaded);
    EXPECT_EQ(map.LoadAndDelete("b"), "333");
    EXPECT_FALSE(map.Delete("b"));
    EXPECT_EQ(map.Size(), 1u);
  }
  const std::vector<Line> expected = {{Op::kStore, "a", std::nullopt, 5},
                                      {Op::kLoad, "a", true, 5},
                                      {Op::kLoad, "b", false, std::nullopt},
                                      {Op::kLoadOrStore, "b", false, 1},
                                      {Op::kSwap, "b", true, 2},
                                      {Op::kCompareAndSwap, "b", true, 3},
                                      {Op::kCompareAndDelete, "b", false, std::nullopt},
                                      {Op::kLoadOrCompute, "b", true, 3},
                                      {Op::kLoadAndDelete, "b", true, 3},
                                      {Op::kDelete, "b", false, std::nullopt}};
  EXPECT_EQ(LinesOf(Recorded(path)), expected);
}

TEST(SampledMap, OperationsOfStandardMaps) {
  const std::string path = NewPath();
  {
    TraceRecorder recorder({.path = path, .rate = 1});
    SampledMap<std::unordered_map<int, std::uint64_t>> map(recorder);
    map[7] = 1;
    EXPECT_EQ(map.find(7)->second, 1u);
    EXPECT_EQ(map.count(8), 0u);
    EXPECT_TRUE(map.contains(7));
    EXPECT_TRUE(map.insert({8, 2}).second);
    EXPECT_FALSE(map.emplace(8, 3).second);
    EXPECT_FALSE(map.insert_or_assign(8, 4).second);
    EXPECT_EQ(map.at(8), 4u);
    EXPECT_THROW(map.at(9), std::out_of_range);
    EXPECT_EQ(map.erase(8), 1u);
    map.erase(map.find(7));
    EXPECT_TRUE(map.empty());
    EXPECT_TRUE(map.begin() == map.end());
  }
  const std::vector<Line> expected = {{Op::kLoadOrStore, "7", false, 8},
                                      {Op::kLoad, "7", true, 8},
                                      {Op::kLoad, "8", false, std::nullopt},
                                      {Op::kLoad, "7", true, 8},
                                      {Op::kLoadOrStore, "8", false, 8},
                                      {Op::kLoadOrStore, "8", true, 8},
                                      {Op::kStore, "8", true, 8},
                                      {Op::kLoad, "8", true, 8},
                                      {Op::kLoad, "9", false, std::nullopt},
                                      {Op::kDelete, "8", true, std::nullopt},
                                      {Op::kLoad, "7", true, 8},
                                      {Op::kDelete, "7", true, std::nullopt}};
  EXPECT_EQ(LinesOf(Recorded(path)), expected);
}

// An operation is there when the map has it.
template <class M>
concept HasStore = requires(M m) {
  m.Store(1, 1);
};
template <class M>
concept HasFind = requires(M m) {
  m.find(1);
};
static_assert(HasStore<SampledMap<MutexMap<int, int>>> && !HasFind<SampledMap<MutexMap<int, int>>>);
static_assert(!HasStore<SampledMap<std::map<int, int>>> && HasFind<SampledMap<std::map<int, int>>>);

TEST(SampledMap, AllOperationsOfTheChosenKeysAndNoOthers) {
  const std::string path = NewPath();
  constexpr int kKeys = 20'000;
  constexpr int kRounds = 5;
  {
    TraceRecorder recorder({.path = path, .rate = 0.1});
    SampledMap<std::unordered_map<int, int>> map(recorder);
    for (int round = 0; round < kRounds; ++round) {
      for (int key = 0; key < kKeys; ++key) map.find(key);
    }
  }
  const ReadTrace trace = Recorded(path);
  std::map<std::string, int> times;
  for (const auto& record : trace.records) ++times[record.key];
  for (const auto& [key, count] : times) ASSERT_EQ(count, kRounds) << key;
  // Five sigmas of a binomial.
  EXPECT_NEAR(static_cast<double>(times.size()), 0.1 * kKeys, 5 * std::sqrt(0.1 * 0.9 * kKeys));
  EXPECT_EQ(trace.recording.of, Recording::Of::kKeys);
  EXPECT_EQ(trace.recording.rate, 0.1);
  EXPECT_EQ(trace.recording.total_ops(), std::uint64_t{kRounds} * kKeys);
  EXPECT_EQ(trace.recording.total_lookups(), std::uint64_t{kRounds} * kKeys);
}

TEST(SampledMap, OperationsAtRandomDistances) {
  const std::string path = NewPath();
  constexpr int kOps = 200'000;
  {
    TraceRecorder recorder({.path = path, .sampled = Sampled::kOperations, .rate = 0.01});
    SampledMap<std::unordered_map<int, int>> map(recorder);
    // Reads and writes in turn: equal distances would see one kind only.
    for (int i = 0; i < kOps; ++i) {
      if (i % 2 == 0)
        map.find(i);
      else
        map[i % 100] = i;
    }
  }
  const ReadTrace trace = Recorded(path);
  EXPECT_EQ(trace.recording.of, Recording::Of::kOperations);
  const auto recorded = static_cast<double>(trace.records.size());
  EXPECT_NEAR(recorded, 0.01 * kOps, 5 * std::sqrt(0.01 * kOps));
  const auto reads = std::count_if(trace.records.begin(), trace.records.end(),
                                   [](const auto& r) { return r.record.op == Op::kLoad; });
  EXPECT_NEAR(static_cast<double>(reads), recorded / 2, 5 * std::sqrt(recorded) / 2);
}

// Threads that come and go, small buffers: nothing is lost, and the lines are in order of time
// (the reader refuses them otherwise).
TEST(SampledMap, ManyThreads) {
  const std::string path = NewPath();
  constexpr int kThreads = 4;
  constexpr int kGenerations = 20;
  constexpr int kOps = 2000;
  {
    TraceRecorder recorder({.path = path,
                            .rate = 1,
                            .buffer_bytes = 4096,
                            .flush_interval = std::chrono::milliseconds(1)});
    SampledMap<MutexMap<int, int>> map(recorder);
    for (int generation = 0; generation < kGenerations; ++generation) {
      std::vector<std::thread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&map, t, generation] {
          for (int i = 0; i < kOps; ++i) map.Store((generation * kThreads + t) * kOps + i, i);
        });
      }
      for (std::thread& thread : threads) thread.join();
    }
    EXPECT_EQ(recorder.error(), "");
  }
  const ReadTrace trace = Recorded(path);
  std::set<std::string> keys;
  std::map<std::string, std::uint64_t> owner;
  std::map<std::uint64_t, int> last;
  for (const auto& [record, key] : trace.records) {
    keys.insert(key);
    // Of one thread the order is its own.
    const int number = std::stoi(key);
    const auto [at, first] = last.try_emplace(record.client, number);
    if (!first) {
      ASSERT_EQ(number, at->second + 1);
      at->second = number;
    }
  }
  EXPECT_EQ(keys.size(), std::size_t{kThreads} * kGenerations * kOps);
  EXPECT_EQ(trace.records.size(), keys.size());
  EXPECT_EQ(last.size(), std::size_t{kThreads} * kGenerations);
  EXPECT_EQ(trace.recording.total_ops(), keys.size());
}

// Threads that never record anything keep no memory.
TEST(SampledMap, EndedThreadsAreForgotten) {
  TraceRecorder recorder({.path = NewPath(), .rate = 1e-9});
  SampledMap<MutexMap<int, int>> map(recorder);
  for (int i = 0; i < 300; ++i) std::thread([&] { map.Load(i); }).join();
  const std::string text = recorder.PrometheusText();
  const std::size_t at = text.rfind("sampled_map_threads{map=\"map\"} ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_LT(std::stoi(text.substr(at + 31)), 130);
  EXPECT_NE(text.find("operation=\"load\"} 300\n"), std::string::npos) << text;
}

TEST(SampledMap, SeveralRecordersOfOneThread) {
  std::vector<std::string> paths;
  {
    std::vector<std::unique_ptr<TraceRecorder>> recorders;
    std::vector<std::unique_ptr<SampledMap<MutexMap<int, int>>>> maps;
    for (int i = 0; i < 9; ++i) {
      paths.push_back(NewPath());
      recorders.push_back(
          std::make_unique<TraceRecorder>(RecorderOptions{.path = paths.back(), .rate = 1}));
      maps.push_back(std::make_unique<SampledMap<MutexMap<int, int>>>(*recorders.back()));
    }
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < 9; ++i) maps[static_cast<std::size_t>(i)]->Load(i);
    }
  }
  for (int i = 0; i < 9; ++i) {
    const auto lines = LinesOf(Recorded(paths[static_cast<std::size_t>(i)]));
    EXPECT_EQ(lines, std::vector<Line>(10, {Op::kLoad, std::to_string(i), false, std::nullopt}));
  }
}

TEST(SampledMap, FilesAreRotatedAndTheOldestRemoved) {
  const std::string path = NewPath();
  constexpr int kOps = 20'000;
  {
    TraceRecorder recorder({.path = path, .rate = 1, .rotate_bytes = 40'000, .max_files = 3});
    SampledMap<MutexMap<int, int>> map(recorder);
    for (int i = 0; i < kOps; ++i) map.Load(i);
  }
  const auto files = FilesOf(path);
  ASSERT_EQ(files.size(), 3u);
  for (const std::string& file : files) EXPECT_LT(fs::file_size(file), 41'000u);
  EXPECT_FALSE(files.front().ends_with(".000001.csv"));
  // The last operations, without a gap between files. Their number is that of the program while
  // these files were written, within what one write held.
  const ReadTrace trace = ReadAll(files);
  int expected = std::stoi(trace.records.front().key);
  EXPECT_GT(expected, kOps / 2);
  for (const auto& record : trace.records) ASSERT_EQ(record.key, std::to_string(expected++));
  EXPECT_EQ(expected, kOps);
  ASSERT_TRUE(trace.recording.total_ops());
  EXPECT_LE(*trace.recording.total_ops(), trace.records.size() + 700);
  EXPECT_GE(*trace.recording.total_ops() + 700, trace.records.size());
}

TEST(SampledMap, KeysOfAnyBytes) {
  const std::string path = NewPath();
  const std::vector<std::string> keys = {"",
                                         "a,b",
                                         "a\nb",
                                         "100%",
                                         "%25",
                                         " #x",
                                         std::string("\0z", 2),
                                         "\"q\"",
                                         "grün",
                                         "a b",
                                         std::string(5000, 'k')};
  {
    TraceRecorder recorder({.path = path, .rate = 1});
    SampledMap<std::map<std::string, std::string>> map(recorder);
    for (int round = 0; round < 2; ++round) {
      for (const std::string& key : keys) map.find(key);
    }
  }
  const ReadTrace trace = Recorded(path);
  ASSERT_EQ(trace.records.size(), 2 * keys.size());
  std::set<std::string> different;
  for (std::size_t i = 0; i < trace.records.size(); ++i) {
    different.insert(trace.records[i].key);
    EXPECT_EQ(trace.records[i].key, trace.records[i % keys.size()].key);
    EXPECT_EQ(trace.records[i].record.key_bytes, keys[i % keys.size()].size());
  }
  EXPECT_EQ(different.size(), keys.size());
}

TEST(SampledMap, KeysAreHashedOnRequest) {
  const std::string path = NewPath();
  {
    TraceRecorder recorder({.path = path, .rate = 1, .hash_keys = true});
    SampledMap<std::map<std::string, int>> texts(recorder);
    for (const char* key : {"secret", "other", "secret"}) texts.find(key);
    SampledMap<std::map<int, int>> numbers(recorder);
    for (const int key : {123456, 7, 123456}) numbers.find(key);
  }
  const std::string bytes = ReadFile(FilesOf(path).front());
  EXPECT_EQ(bytes.find("secret"), std::string::npos);
  EXPECT_EQ(bytes.find(",123456,"), std::string::npos);
  const ReadTrace trace = Recorded(path);
  ASSERT_EQ(trace.records.size(), 6u);
  EXPECT_EQ(trace.records[0].key, trace.records[2].key);
  EXPECT_NE(trace.records[0].key, trace.records[1].key);
  EXPECT_EQ(trace.records[3].key, trace.records[5].key);
  EXPECT_EQ(trace.records[0].record.key_bytes, 6u);
}

// A child that uses a recorder and ends in some way; what it had recorded.
template <class End>
std::size_t RecordedBefore(End end, bool long_ago = false) {
  const std::string path = NewPath();
  const pid_t child = fork();
  if (child == 0) {
    // Never destroyed, as objects of main are not by std::exit.
    auto& recorder =
        *new TraceRecorder({.path = path,
                            .rate = 1,
                            .flush_interval = std::chrono::milliseconds(long_ago ? 10 : 10'000)});
    auto& map = *new SampledMap<MutexMap<int, int>>(recorder);
    for (int i = 0; i < 100; ++i) map.Load(i);
    if (long_ago) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      map.Load(100);
    }
    std::thread([&] { map.Load(1000); }).join();
    end();
  }
  int status = 0;
  waitpid(child, &status, 0);
  return Recorded(path).records.size();
}

TEST(SampledMap, NothingIsLostAtANormalEnd) {
  EXPECT_EQ(RecordedBefore([] { std::exit(0); }), 101u);
}

// As documented: what is younger than the interval.
TEST(SampledMap, ACrashLosesTheBuffersOnly) {
  const auto crash = [] { kill(getpid(), SIGKILL); };
  EXPECT_GE(RecordedBefore(crash, true), 101u);
  EXPECT_THROW(RecordedBefore(crash, false), TraceError);  // holds no operation
}

TEST(SampledMap, TheProgramGoesOnWhenNothingCanBeWritten) {
  const std::string path = NewPath();
  TraceRecorder recorder({.path = path, .rate = 1, .rotate_bytes = 10'000});
  SampledMap<MutexMap<int, int>> map(recorder);
  fs::remove_all(fs::path(path).parent_path());
  for (int i = 0; i < 10'000; ++i) map.Store(i, i);
  recorder.Flush();
  EXPECT_EQ(map.Size(), 10'000u);
  EXPECT_NE(recorder.error().find("cannot be made"), std::string::npos) << recorder.error();
  EXPECT_EQ(recorder.PrometheusText().find("sampled_map_lost_total{map=\"map\"} 0\n"),
            std::string::npos);
}

TEST(SampledMap, OptionsThatMakeNoSense) {
  EXPECT_THROW(TraceRecorder({.path = NewPath(), .rate = 0}), std::invalid_argument);
  EXPECT_THROW(TraceRecorder({.path = NewPath(), .rate = 1.5}), std::invalid_argument);
  EXPECT_THROW(TraceRecorder({.path = NewPath(), .max_files = 0}), std::invalid_argument);
  EXPECT_THROW(TraceRecorder({.path = "/nonexistent/folder/x"}), std::system_error);
}

TEST(Counters, AsPrometheusText) {
  TraceRecorder recorder({.path = NewPath(), .name = "a\"b\\", .rate = 0.5});
  SampledMap<MutexMap<int, int>> map(recorder);
  for (int i = 0; i < 10; ++i) map.Store(i, i);
  for (int i = 0; i < 30; ++i) map.Load(i);
  const std::string file = testing::TestPath("metrics.prom");
  ASSERT_TRUE(recorder.WritePrometheus(file));
  const std::string text = ReadFile(file);
  EXPECT_NE(text.find("# TYPE sampled_map_operations_total counter\n"), std::string::npos);
  EXPECT_NE(text.find("sampled_map_operations_total{map=\"a\\\"b\\\\\",operation=\"store\"} 10\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("operation=\"load\"} 30\n"), std::string::npos);
  EXPECT_NE(text.find("sampled_map_lookups_found_total{map=\"a\\\"b\\\\\"} 10\n"),
            std::string::npos);
  EXPECT_FALSE(recorder.WritePrometheus("/nonexistent/folder/metrics.prom"));
}

std::string Ask(std::uint16_t port, const std::string& request) {
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  EXPECT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(send(client, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  std::string answer;
  char part[1000];
  for (ssize_t n; (n = recv(client, part, sizeof part, 0)) > 0;)
    answer.append(part, static_cast<std::size_t>(n));
  close(client);
  return answer;
}

TEST(MetricsPortTest, AnswersOnTheLoopback) {
  std::atomic<int> calls = 0;
  MetricsPort port(0, [&] { return "counter " + std::to_string(++calls) + '\n'; });
  const std::string answer = Ask(port.port(), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\ncounter 1\n")) << answer;
  EXPECT_NE(answer.find("Content-Length: 10\r\n"), std::string::npos);
  EXPECT_TRUE(Ask(port.port(), "GET /etc/passwd HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(Ask(port.port(), "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
  EXPECT_TRUE(Ask(port.port(), "GET /metrics HTTP/1.1\r\n\r\n").ends_with("counter 2\n"));
  EXPECT_THROW(MetricsPort(port.port(), [] { return std::string(); }), std::system_error);
}

}  // namespace
}  // namespace cmap::trace
