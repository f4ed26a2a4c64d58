// SPDX-License-Identifier: Apache-2.0
#include "tools/trace/reader.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <utility>
#include <vector>

#include "tools/trace/testing/trace_file.h"

namespace cmap::trace {
namespace {

using testing::ReadAll;
using testing::ReadTrace;
using testing::WriteFile;

ReadTrace ReadText(std::string_view text, const ReadOptions& options = {}) {
  return ReadAll({WriteFile("trace", text)}, options);
}

std::vector<std::string> Keys(const ReadTrace& trace) {
  std::vector<std::string> keys;
  for (const auto& record : trace.records) keys.push_back(record.key);
  return keys;
}

std::vector<Op> Ops(const ReadTrace& trace) {
  std::vector<Op> ops;
  for (const auto& record : trace.records) ops.push_back(record.record.op);
  return ops;
}

using Strings = std::vector<std::string>;
using OpList = std::vector<Op>;

TEST(OwnCsv, WithoutHeader) {
  const auto trace = ReadText("0.5,1,load,a,10\n0.75,2,store,b\n1,1,DELETE,a,\n");
  EXPECT_EQ(trace.description.format, "own CSV");
  EXPECT_EQ(Keys(trace), (Strings{"a", "b", "a"}));
  EXPECT_EQ(Ops(trace), (OpList{Op::kLoad, Op::kStore, Op::kDelete}));
  EXPECT_EQ(trace.records[0].record.time_ns, 500'000'000u);
  EXPECT_EQ(trace.records[0].record.value_bytes, 10u);
  EXPECT_EQ(trace.records[1].record.value_bytes, std::nullopt);
  EXPECT_EQ(trace.records[0].record.client, trace.records[2].record.client);
  EXPECT_NE(trace.records[0].record.client, trace.records[1].record.client);
}

TEST(OwnCsv, WithHeaderInAnyOrderAndUnknownColumns) {
  const auto trace =
      ReadText("key,colour,op,time_us,key_size,found\nx,red,get,7,100,1\ny,blue,set,8,200,\n");
  EXPECT_EQ(Keys(trace), (Strings{"x", "y"}));
  EXPECT_EQ(trace.records[1].record.time_ns, 8000u);
  EXPECT_EQ(trace.records[0].record.key_bytes, 100u);
  EXPECT_EQ(trace.records[0].record.found, true);
  EXPECT_EQ(trace.records[1].record.found, std::nullopt);
  EXPECT_FALSE(trace.description.has_clients);
}

TEST(OwnCsv, Times) {
  const auto trace =
      ReadText("0,1,get,a\n1e-06,1,get,a\n2.5E-3,1,get,a\n1700000000.123456789,1,get,a\n");
  std::vector<std::uint64_t> times;
  for (const auto& record : trace.records) times.push_back(record.record.time_ns);
  EXPECT_EQ(times, (std::vector<std::uint64_t>{0, 1000, 2'500'000, 1'700'000'000'123'456'789}));
}

TEST(OwnCsv, NotesOfTheRecorder) {
  const auto trace = ReadText(
      "#trace recorded=keys rate=0.25\n#from operations=10 "
      "lookups=5\ntime_ns,thread,op,key\n1,1,get,a\n"
      "#total operations=40 lookups=30\n2,1,get,b\n#total operations=80 lookups=60\n# hello\n");
  EXPECT_EQ(trace.records.size(), 2u);
  EXPECT_EQ(trace.recording.of, Recording::Of::kKeys);
  EXPECT_EQ(trace.recording.rate, 0.25);
  EXPECT_EQ(trace.recording.total_ops(), 70u);
  EXPECT_EQ(trace.recording.total_lookups(), 55u);
}

TEST(JsonLines, FlatAndNested) {
  const auto trace = ReadText(
      "{\"time\": 1.25, \"thread\": 3, \"op\": \"get\", \"key\": \"a\\\"b\", \"x\": {\"key\": 1}}\n"
      "\n"
      "{\"key\": 17, \"op\": \"set\", \"size\": 9, \"list\": [{\"key\": 2}], \"time\": 2}\n");
  EXPECT_EQ(trace.description.format, "JSON lines");
  EXPECT_EQ(Keys(trace), (Strings{"a\"b", "17"}));
  EXPECT_EQ(trace.records[0].record.time_ns, 1'250'000'000u);
  EXPECT_EQ(trace.records[1].record.value_bytes, 9u);
  EXPECT_EQ(Ops(trace), (OpList{Op::kLoad, Op::kStore}));
}

TEST(Twitter, KeysWithCommas) {
  const auto trace =
      ReadText("0,k,1,2,17,get,0\n5,a,b,,c,6,100,18,cas,3600\n5,k,1,0,17,delete,0\n");
  EXPECT_EQ(trace.description.format, "Twitter cache trace");
  EXPECT_EQ(Keys(trace), (Strings{"k", "a,b,,c", "k"}));
  EXPECT_EQ(Ops(trace), (OpList{Op::kLoad, Op::kCompareAndSwap, Op::kDelete}));
  EXPECT_EQ(trace.records[1].record.key_bytes, 6u);
  EXPECT_EQ(trace.records[1].record.value_bytes, 100u);
}

TEST(Twitter, EveryOperation) {
  std::string text;
  for (const char* op : {"get", "gets", "set", "add", "replace", "cas", "append", "prepend",
                         "delete", "incr", "decr"}) {
    text += "1,k,1,2,3," + std::string(op) + ",0\n";
  }
  EXPECT_EQ(Ops(ReadText(text)),
            (OpList{Op::kLoad, Op::kLoad, Op::kStore, Op::kLoadOrStore, Op::kCompareAndSwap,
                    Op::kCompareAndSwap, Op::kCompareAndSwap, Op::kCompareAndSwap, Op::kDelete,
                    Op::kCompareAndSwap, Op::kCompareAndSwap}));
}

TEST(CacheLib, ColumnsByNameAndCounts) {
  const auto trace = ReadText(
      "op_time,key,key_size,op,op_count,size,cache_hits,ttl\n"
      "10,a,20,GET,3,50,2,0\n11,b,20,SET_LEASE,1,60,,0\n11,b,20,GET_LEASE,0,60,,0\n");
  EXPECT_EQ(trace.description.format, "CacheLib kvcache trace");
  EXPECT_EQ(Keys(trace), (Strings{"a", "a", "a", "b"}));
  EXPECT_EQ(trace.records[3].record.op, Op::kStore);
  EXPECT_EQ(trace.records[2].record.key_bytes, 20u);
}

std::string Oracle(std::uint32_t time, std::uint64_t id, std::uint32_t size, std::int64_t next) {
  std::string bytes;
  const auto put = [&](std::uint64_t number, int n) {
    for (int i = 0; i < n; ++i) bytes += static_cast<char>(number >> (8 * i));
  };
  put(time, 4);
  put(id, 8);
  put(size, 4);
  put(static_cast<std::uint64_t>(next), 8);
  return bytes;
}

TEST(OracleGeneral, IsRecognised) {
  const auto trace = ReadText(Oracle(5, 1, 100, 2) + Oracle(5, 2, 200, -1) + Oracle(7, 1, 100, -1));
  EXPECT_EQ(trace.description.format, "oracleGeneral");
  ASSERT_EQ(trace.records.size(), 3u);
  EXPECT_EQ(trace.records[0].key, trace.records[2].key);
  EXPECT_EQ(trace.records[2].record.time_ns, 7'000'000'000u);
  EXPECT_EQ(trace.records[1].record.value_bytes, 200u);
  EXPECT_EQ(Ops(trace), (OpList(3, Op::kLoadOrStore)));
  EXPECT_FALSE(trace.description.has_operations);
}

TEST(Columns, Csv) {
  ReadOptions options;
  options.columns =
      "time-col=2,obj-id-col=3,obj-size-col=1,obj-id-is-num=true,delimiter=;,has-header";
  const auto trace = ReadText("size;t;id\n10;1;007\n20;2;7\n", options);
  ASSERT_EQ(trace.records.size(), 2u);
  EXPECT_EQ(trace.records[0].key, trace.records[1].key);  // as numbers they are equal
  EXPECT_EQ(trace.records[1].record.value_bytes, 20u);
  options.columns = "obj-id-col=1,delimiter=,,time-col=2";
  EXPECT_EQ(Keys(ReadText("a,1\nb,2\n", options)), (Strings{"a", "b"}));
}

TEST(Columns, Binary) {
  ReadOptions options;
  options.columns = "format=<IQI,time-col=1,obj-id-col=2,obj-size-col=3";
  std::string bytes = Oracle(3, 9, 30, 0).substr(0, 16) + Oracle(4, 9, 31, 0).substr(0, 16);
  const auto trace = ReadText(bytes, options);
  ASSERT_EQ(trace.records.size(), 2u);
  EXPECT_EQ(trace.records[0].key, trace.records[1].key);
  EXPECT_EQ(trace.records[1].record.value_bytes, 31u);
}

TEST(KeysOnly, Formats) {
  EXPECT_EQ(Keys(ReadText("a\nb:1\na\n")), (Strings{"a", "b:1", "a"}));
  const auto lirs = ReadText("1\n2\n*\n\n1\n");
  EXPECT_EQ(lirs.description.format, "LIRS trace");
  EXPECT_EQ(Keys(lirs), (Strings{"1", "2", "1"}));
  const auto arc = ReadText("100 3 0 1\n101 1 0 2\n");
  EXPECT_EQ(arc.description.format, "ARC trace");
  ASSERT_EQ(arc.records.size(), 4u);
  EXPECT_EQ(arc.records[1].key, arc.records[3].key);
  EXPECT_NE(arc.records[0].key, arc.records[1].key);
}

TEST(Ycsb, BetweenItsOtherOutput) {
  const auto trace = ReadText(
      "***************** properties *****************\n\"workload\"=\"core\"\n"
      "INSERT usertable user55 [ field0=a ]\nREAD usertable user55 [ <all fields>]\n"
      "UPDATE usertable user55 [ field0=b ]\n[OVERALL], RunTime(ms), 10\n");
  EXPECT_EQ(trace.description.format, "YCSB basic output");
  EXPECT_EQ(Keys(trace), (Strings{"user55", "user55", "user55"}));
  EXPECT_EQ(Ops(trace), (OpList{Op::kStore, Op::kLoad, Op::kStore}));
}

TEST(Input, LineEndsAndByteOrderMark) {
  EXPECT_EQ(Keys(ReadText("\xef\xbb\xbf"
                          "1,1,get,a\r\n2,1,get,b\n3,1,get,c")),
            (Strings{"a", "b", "c"}));
}

std::string Gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// Long enough for many reads, in two members or frames.
TEST(Input, Compressed) {
  std::string half[2];
  Strings keys;
  for (int i = 0; i < 200'000; ++i) {
    keys.push_back("key" + std::to_string(i * 7919 % 100'003));
    half[i / 100'000] += keys.back() + '\n';
  }
  EXPECT_EQ(Keys(ReadText(Gzip(half[0]) + Gzip(half[1]))), keys);
  EXPECT_EQ(Keys(ReadText(Zstd(half[0]) + Zstd(half[1]))), keys);
  for (const std::string& whole : {Gzip(half[0]), Zstd(half[0])}) {
    try {
      ReadText(whole.substr(0, whole.size() - 5));
      ADD_FAILURE() << "a truncated file was read";
    } catch (const TraceError& error) {
      EXPECT_NE(std::string(error.what()).find("truncated"), std::string::npos) << error.what();
    }
  }
}

TEST(Reader, FilesThatFollowEachOther) {
  const auto a = WriteFile("a", "1,1,get,a\n");
  const auto b = WriteFile("b", "1,1,get,b\n");
  EXPECT_EQ(Keys(ReadAll({a, b})), (Strings{"a", "b"}));
}

TEST(Reader, TimesCanBeIgnored) {
  ReadOptions options;
  options.ignore_times = true;
  const auto trace = ReadText("2,1,get,a\n1,1,get,b\n", options);
  EXPECT_EQ(Keys(trace), (Strings{"a", "b"}));
  EXPECT_FALSE(trace.description.has_times);
}

TEST(Reader, FormatsCanBeForced) {
  ReadOptions options;
  options.format = "txt";
  EXPECT_EQ(Keys(ReadText("1,1,get,a\n", options)), (Strings{"1,1,get,a"}));
  for (const std::string_view name : kFormatNames) {
    options.format = name;
    options.columns = "format=<I,obj-id-col=1";
    try {
      ReadText("no such thing as a trace", options);
    } catch (const TraceError& error) {
      EXPECT_EQ(std::string(error.what()).find("not known"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace cmap::trace
