// SPDX-License-Identifier: Apache-2.0
//
// The parsers, one for each format. Recognition (reader.cc) chooses among them.
#ifndef CMAP_TOOLS_TRACE_PARSERS_H_
#define CMAP_TOOLS_TRACE_PARSERS_H_

#include <memory>
#include <string>
#include <string_view>

#include "tools/trace/input.h"
#include "tools/trace/record.h"

namespace cmap::trace {

using ParserPtr = std::unique_ptr<Parser>;
using InputPtr = std::unique_ptr<Input>;

// Text. Those with a header read it; OwnCsv finds out whether there is one.
ParserPtr OwnCsvParser(InputPtr input);
ParserPtr JsonLinesParser(InputPtr input);
ParserPtr TwitterParser(InputPtr input);
ParserPtr CacheLibParser(InputPtr input);
ParserPtr TxtParser(InputPtr input);
ParserPtr ArcParser(InputPtr input);
ParserPtr LirsParser(InputPtr input);
ParserPtr YcsbParser(InputPtr input);
// libCacheSim's parameters, e.g. "time-col=2,obj-id-col=5,obj-size-col=4,obj-id-is-num=true,
// delimiter=,,has-header"; for binary "format=<IQI,time-col=1,obj-id-col=2".
ParserPtr ColumnsCsvParser(InputPtr input, std::string_view columns);
ParserPtr ColumnsBinaryParser(InputPtr input, std::string_view columns);

ParserPtr OracleGeneralParser(InputPtr input);
// Whether the head of a file could be oracleGeneral.
bool LooksLikeOracleGeneral(std::string_view head);

// The project's own compact form (FORMAT.md).
ParserPtr NormalisedParser(InputPtr input);
bool LooksNormalised(std::string_view head);

// Whether the line begins an own CSV file, by its header or as a record; a CacheLib file; ...
bool LooksLikeOwnCsv(std::string_view line);
bool LooksLikeCacheLib(std::string_view line);
bool LooksLikeTwitter(std::string_view line);
bool LooksLikeYcsb(std::string_view line);
bool LooksLikeArc(std::string_view line);

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_PARSERS_H_
