// SPDX-License-Identifier: Apache-2.0
//
// What is said of traces that cannot be read: one sentence that names the file, the place and
// the remedy.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tools/trace/reader.h"
#include "tools/trace/testing/trace_file.h"

namespace cmap::trace {
namespace {

using namespace std::string_literals;

struct BadTrace {
  std::string_view name;
  std::string bytes;
  std::string_view says;  // part of the sentence
  std::string_view format = "";
  std::string_view columns = "";
};

std::string Noise(std::size_t n) {
  std::string bytes;
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < n; ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    bytes += static_cast<char>(state >> 56);
  }
  return bytes;
}

std::string Repeated(std::string_view text, std::size_t n) {
  std::string bytes;
  for (std::size_t i = 0; i < n; ++i) bytes += text;
  return bytes;
}

const BadTrace kBadTraces[] = {
    {"empty", "", "is empty"},
    {"blank_lines", "\n\n  \n", "blank lines only"},
    {"noise", Noise(5000), "binary data in none of the known formats"},
    {"nul_bytes_only", std::string(4096, '\0') + "x", "binary data"},
    {"nul_byte_in_text", "1,1,get,a\n2,1,get,b\0c\n"s, "line 2 holds a NUL byte"},
    {"utf16",
     "\xff\xfe"
     "1\0,\0"s,
     "UTF-16"},
    {"html", "<!DOCTYPE html><html>404", "page of HTML"},
    {"prose", "This is not a trace, but a letter.\nYours\n", "none of the known formats"},
    {"unknown_columns", "3,4,5,6,7,8\n", "name its columns"},
    {"xz",
     "\xfd"
     "7zXZ\0abc"s,
     "xz -d"},
    {"bzip2", "BZh91AY&SY", "bzip2 -d"},
    {"zip", "PK\x03\x04zzzzzzz", "unzip"},
    {"lz4", "\x04\x22\x4d\x18zzzzz", "lz4 -d"},
    {"gzip_cut", "\x1f\x8b\x08\0\0\0\0\0"s, "truncated"},
    {"gzip_damaged", "\x1f\x8b\x08\0\0\0\0\0\0\3\xff\xff\xff\xff\xff"s, "damaged"},
    {"zstd_cut", "\x28\xb5\x2f\xfd", "truncated"},
    {"zstd_damaged", "\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "damaged"},
    {"too_few_fields", "1,1,get,a\n2,1,get\n", "line 2, read as own CSV: has 3 fields"},
    {"too_many_fields", "1,1,get,a\n2,1,get,b,1,2\n", "has 6 fields"},
    {"unknown_operation", "1,1,get,a\n2,1,fetch,b\n", "'fetch' is not an operation"},
    {"time_not_a_number", "1,1,get,a\nnoon,1,get,b\n", "the time 'noon'"},
    {"time_negative", "1,1,get,a\n-2,1,get,b\n", "the time '-2'"},
    {"time_overflows", "99999999999999999,1,get,b\n", "more than 2^64 nanoseconds"},
    {"time_infinite", "1e400,1,get,b\n", "the time '1e400'"},
    {"time_with_letters", "1.5s,1,get,b\n", "the time '1.5s' is not a number"},
    {"time_backwards", "2,1,get,a\n1.5,1,get,b\n",
     "operation 2, read as own CSV: the clock runs backwards, by 500000000 ns"},
    {"empty_key", "1,1,get,\n", "the key is empty"},
    {"size_negative", "1,1,set,a,-4\n", "the size '-4'"},
    {"gigantic_key", "1,1,get," + std::string(3u << 20, 'k') + "\n", "line 1 is longer than 1 MiB"},
    {"gigantic_line_without_end", "a\n" + std::string(3u << 20, 'k'),
     "line 2 is longer than 1 MiB"},
    {"cut_last_line", "1,1,get,a\n2,1,ge", "the file is truncated"},
    {"bare_carriage_returns", "1,1,get,a\r2,1,get,b\r3,1,get,c\r",
     "ends its lines with carriage returns"},
    {"carriage_return_within", "1,1,get,a\n2,1,get,b\r3,1,get,c\n",
     "line 2 holds a carriage return"},
    {"header_only", "time,thread,op,key\n", "holds no operation"},
    {"header_without_key", "time,thread,op,name\n1,2,get,a\n", "name its columns"},
    {"bad_note", "#trace recorded=keys rate=7\n", "the recorded rate '7'"},
    {"json_cut", "{\"op\":\"get\",\"key\":\"a\"}\n{\"op\":\"get\",\"ke", "truncated"},
    {"json_without_key", "{\"op\":\"get\"}\n", "the key is empty"},
    {"json_array", "{\"key\":\"a\"}\n[1,2]\n", "is not a JSON object"},
    {"json_fields_change", "{\"key\":\"a\",\"op\":\"get\"}\n{\"key\":\"a\"}\n",
     "other fields than the first"},
    {"json_deep", "{\"key\":\"a\",\"x\":" + Repeated("[", 100'000) + "\n", "is not a JSON object"},
    {"twitter_short", "1,k,1,2,3,get,0\n1,k,1,2,3\n", "fewer than 7 fields"},
    {"twitter_operation", "1,k,1,2,3,get,0\n1,k,1,2,3,touch,0\n",
     "line 2, read as Twitter cache trace: 'touch'"},
    {"cachelib_without_op", "op_time,key,size\n1,a,2\n", "lacks the column op"},
    {"cachelib_count", "op_time,key,op,op_count,size\n1,a,GET,999999999999,3\n",
     "more than 100 million"},
    {"arc_one_number", "1 2\n3\n", "holds one number"},
    {"arc_count", "1 999999999999\n", "more than 100 million"},
    {"lirs_text", "*\n1\nx\n", "'x' is not a number", "lirs"},
    {"ycsb_scan", "READ usertable user1 [ <all fields>]\nSCAN usertable user1 10 [ x ]\n", "SCAN"},
    {"ycsb_without_operations", "[OVERALL], RunTime(ms), 10\n", "holds no operation", "ycsb"},
    {"oracle_cut", std::string(24, '\1') + std::string(10, '\1'), "10 of the 24 bytes of record 2",
     "oracle_general"},
    {"compact_header_cut", "CMAPTRC1abc", "not a compact trace"},
    {"unknown_format", "a\n", "not known; name one of", "parquet"},
    {"columns_missing", "a,b\n", "needs to know the columns", "csv"},
    {"columns_beyond", "1,2\n", "asks for number 5", "", "obj-id-col=5"},
    {"columns_zero", "1,2\n", "counted from 1", "", "obj-id-col=0"},
    {"columns_unknown", "1,2\n", "'id' is not a parameter", "", "id=1"},
    {"columns_without_key", "1,2\n", "obj-id-col is missing", "", "time-col=1"},
    {"columns_letter", "1234", "letter 'z'", "", "format=<Iz,obj-id-col=1"},
    {"columns_big_endian", "1234", "does not begin with <", "", "format=>I,obj-id-col=1"},
    {"columns_beyond_format", "1234", "beyond format", "", "format=<I,obj-id-col=2"},
    {"columns_time_overflows", std::string(16, '\x7f'), "beyond 2^64 ns", "",
     "format=<QQ,time-col=1,obj-id-col=2"},
    {"columns_id_not_a_number", "1,abc\n", "the object id 'abc'", "",
     "obj-id-col=2,obj-id-is-num=1"},
};

class BadTraces : public ::testing::TestWithParam<BadTrace> {};

TEST_P(BadTraces, GetOneSentence) {
  const BadTrace& bad = GetParam();
  const std::string path = testing::WriteFile(std::string(bad.name), bad.bytes);
  ReadOptions options;
  options.format = bad.format;
  options.columns = bad.columns;
  try {
    testing::ReadAll({path}, options);
  } catch (const TraceError& error) {
    const std::string said = error.what();
    EXPECT_NE(said.find(bad.says), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    EXPECT_LT(said.size(), 500u) << said;
    // The place, unless the mistake is in the command; and after ; or : the remedy.
    if (bad.columns.empty() && bad.format.empty()) {
      EXPECT_NE(said.find(path), std::string::npos) << said;
    }
    EXPECT_NE(said.find_first_of(";:"), std::string::npos) << said;
    EXPECT_EQ(testing::ReadFile(path), bad.bytes) << "the trace was changed";
    return;
  }
  ADD_FAILURE() << bad.name << " was read";
}

INSTANTIATE_TEST_SUITE_P(All, BadTraces, ::testing::ValuesIn(kBadTraces),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(OddTraces, OneOperationIsATrace) {
  const auto trace = testing::ReadAll({testing::WriteFile("one", "1,1,get,a\n")});
  EXPECT_EQ(trace.records.size(), 1u);
}

TEST(OddTraces, FoldersAndMissingFiles) {
  for (const char* path : {"/", "/nonexistent/trace"}) {
    EXPECT_THROW(testing::ReadAll({path}), TraceError) << path;
  }
  EXPECT_THROW(testing::ReadAll({}), TraceError);
}

TEST(OddTraces, FormatsAreNotMixed) {
  const auto a = testing::WriteFile("a", "1,1,get,a\n");
  const auto b = testing::WriteFile("b", "x\ny\n");
  try {
    testing::ReadAll({a, b});
    ADD_FAILURE();
  } catch (const TraceError& error) {
    EXPECT_NE(std::string(error.what()).find("must have one format"), std::string::npos);
  }
}

}  // namespace
}  // namespace cmap::trace
