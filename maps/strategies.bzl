# SPDX-License-Identifier: Apache-2.0
"""The list of map strategies, and what follows from it.

Adding a strategy is one header in this folder (an adapter of somebody else's map: in peers/) and one line in STRATEGIES.
From the line follow

  //maps:<name>                            the strategy as a library, with the generated header
                                           maps/strategies/<name>.h, which names it for generic code
  //maps:<name>_conformance_test           the conformance kit (maps/testing), this architecture
  //maps:<name>_conformance_test_<arch>    the same on the other architecture, emulated; not for variants without libraries
  //maps/verification:<name>_linearizability_test   recorded histories against the sequential map

and its place in the experiments and in the paper, which read the same list.
"""

load("@host_arch//:host.bzl", "CROSS_ARCH")
load("@rules_cc//cc:defs.bzl", "cc_library", "cc_test")
load("//tools:cross.bzl", "cross_test")
load("//tools:sanitizers.bzl", "not_under")

_EVERYWHERE = ["x86_64", "aarch64"]

def strategy(name, header, map, policies = [], deps = [], architectures = _EVERYWHERE, tsan = True, asan = True, ubsan = True, variant_of = "", direct = None, wide = None):
    """One strategy.

    Args:
      name: what it is called everywhere: on command lines, in result files, in the paper.
      header: the file in this folder that defines it; a header in peers/ makes it a peer. The parts of a long one are in a
        folder of its name beside it.
      map: the type, an expression over K, V, Hash and Atomics inside namespace cmap.
      policies: further headers that `map` names, where the strategy's own does not include them.
      deps: libraries beyond //maps:internal, such as a peer's package.
      architectures: those it can be built for.
      tsan: whether ThreadSanitizer can follow it; if not, say why beside the line.
      asan: the same of AddressSanitizer.
      ubsan: the same of UndefinedBehaviorSanitizer.
      variant_of: the strategy of the same header of which this is one with another policy (lock, reclamation, ...). What
        the policy cannot change is tested there; here the kit runs with a third of its types and hashes.
      direct: of a peer: (header in peers/direct/, type over K and V), the library without the adapter, for measuring what the
        harness costs. Our own maps need none.
      wide: whether it is compiled for larger values and for other hashes too (//experiments/worker:worker_wide); by default
        variants are not, as each of them takes ten times as long to compile there. Nor are references, and strategies for
        which a relative stands with larger values (snapshot_map for other ways to publish, sharded_map for other locks).

    Returns:
      A struct with these fields, and `peer`.
    """
    return struct(
        name = name,
        header = header,
        map = map,
        policies = policies,
        deps = deps,
        architectures = architectures,
        tsan = tsan,
        asan = asan,
        ubsan = ubsan,
        peer = header.startswith("peers/"),
        variant_of = variant_of,
        direct = direct,
        wide = not variant_of if wide == None else wide,
    )

# Reclamation by liburcu. Its barriers are machine instructions, which ThreadSanitizer does not see.
_QSBR = {
    "policies": ["internal/reclamation/rcu_qsbr.h"],
    "deps": ["//tools/third_party:liburcu_qsbr"],
    "tsan": False,
}
_MEMB = {
    "policies": ["internal/reclamation/rcu_memb.h"],
    "deps": ["//tools/third_party:liburcu_memb"],
    "tsan": False,
}

STRATEGIES = [
    strategy("null", header = "null_map.h", map = "NullMap<K, V, Hash, Atomics>"),
    strategy("line_touch", header = "line_touch.h", map = "LineTouch<K, V, Hash, Atomics>", deps = [":cache_line_map"], wide = False),
    strategy("unsynchronised_map", header = "unsynchronised_map.h", map = "UnsynchronisedMap<K, V, Hash, Atomics>"),
    strategy("mutex_map", header = "mutex_map.h", map = "MutexMap<K, V, Hash, Atomics>"),
    strategy("mutex_map_boxed", header = "mutex_map.h", map = "MutexMap<K, V, Hash, Atomics, internal::BoxedTable<K, V>>", variant_of = "mutex_map", wide = True),
    strategy("mutex_map_pooled", header = "mutex_map.h", map = "MutexMap<K, V, Hash, Atomics, internal::PooledTable<K, V>>", variant_of = "mutex_map", wide = True),
    strategy("shared_mutex_map", header = "shared_mutex_map.h", map = "SharedMutexMap<K, V, Hash, Atomics>"),
    strategy("rw_mutex_map", header = "rw_mutex_map.h", map = "RwMutexMap<K, V, Hash, Atomics>"),
    strategy("striped_reader_map", header = "striped_reader_map.h", map = "StripedReaderMap<K, V, Hash, Atomics>"),
    strategy("sharded_map", header = "sharded_map.h", map = "ShardedMap<K, V, Hash, Atomics>"),
    strategy("sharded_map_packed", header = "sharded_map.h", map = "ShardedMap<K, V, Hash, Atomics, ShardLayout::kPacked>", variant_of = "sharded_map"),
    strategy("sharded_map_shared", header = "sharded_map.h", map = "ShardedMap<K, V, Hash, Atomics, ShardLayout::kPadded, internal::SharedLock<Atomics>>", variant_of = "sharded_map"),
    strategy("sharded_map_rw", header = "sharded_map.h", map = "ShardedMap<K, V, Hash, Atomics, ShardLayout::kPadded, internal::WriterPreferringLock<Atomics>>", variant_of = "sharded_map"),
    strategy("sharded_map_spin", header = "sharded_map.h", map = "ShardedMap<K, V, Hash, Atomics, ShardLayout::kPadded, internal::OneByteLock<Atomics>>", variant_of = "sharded_map"),
    strategy("bucket_map", header = "bucket_map.h", map = "BucketMap<K, V, Hash, Atomics>", deps = [":sharded_map"]),
    strategy("checked_map", header = "checked_map.h", map = "CheckedMap<K, V, Hash, Atomics>", wide = False),
    strategy("mutex_bucket_map", header = "bucket_map.h", map = "BucketMap<K, V, Hash, Atomics, internal::MutexLock<Atomics>>", deps = [":sharded_map"], wide = False),
    strategy("mutex_bucket_map_generic", header = "bucket_map.h", map = "BucketMap<K, V, Hash, Atomics, internal::MutexLock<Atomics>, internal::BucketKeys::kGeneric>", deps = [":sharded_map"], variant_of = "mutex_bucket_map"),
    strategy("rw_bucket_map", header = "bucket_map.h", map = "BucketMap<K, V, Hash, Atomics, internal::WriterPreferringLock<Atomics>>", deps = [":sharded_map"], variant_of = "mutex_bucket_map"),
    strategy("sharded_bucket_map", header = "bucket_map.h", map = "ShardedBucketMap<K, V, Hash, Atomics>", deps = [":sharded_map"], variant_of = "mutex_bucket_map"),
    strategy("sync_map", header = "sync_map.h", map = "SyncMap<K, V, Hash, Atomics>"),
    strategy("sync_map_split", header = "sync_map.h", map = "SyncMap<K, V, Hash, Atomics, SyncMapLayout::kSplit>", variant_of = "sync_map"),
    strategy("sync_map_acq_rel", header = "sync_map.h", map = "SyncMap<K, V, Hash, internal::AcquireRelease<Atomics>>", variant_of = "sync_map"),
    strategy("sync_map_seq_cst", header = "sync_map.h", map = "SyncMap<K, V, Hash, internal::SeqCst<Atomics>>", variant_of = "sync_map"),
    strategy("sync_map_qsbr", header = "sync_map.h", map = "SyncMap<K, V, Hash, Atomics, SyncMapLayout::kPacked, internal::QuiescentDomain>", variant_of = "sync_map", **_QSBR),
    strategy("sync_map_memb", header = "sync_map.h", map = "SyncMap<K, V, Hash, Atomics, SyncMapLayout::kPacked, internal::MembarrierDomain>", variant_of = "sync_map", **_MEMB),
    strategy("hash_trie_map", header = "hash_trie_map.h", map = "HashTrieMap<K, V, Hash, Atomics>"),
    strategy("hash_trie_map_qsbr", header = "hash_trie_map.h", map = "HashTrieMap<K, V, Hash, Atomics, internal::QuiescentDomain>", variant_of = "hash_trie_map", **_QSBR),
    strategy("hash_trie_map_memb", header = "hash_trie_map.h", map = "HashTrieMap<K, V, Hash, Atomics, internal::MembarrierDomain>", variant_of = "hash_trie_map", **_MEMB),
    strategy("cache_line_map", header = "cache_line_map.h", map = "CacheLineMap<K, V, Hash, Atomics>"),
    strategy("cache_line_map_in_turn", header = "cache_line_map.h", map = "CacheLineMap<K, V, Hash, Atomics, internal::TwoLinesInTurn>", variant_of = "cache_line_map"),
    # Reads by instructions of its own, which ThreadSanitizer does not see.
    strategy("cache_line_map_pairs", header = "cache_line_map.h", map = "CacheLineMap<K, V, Hash, Atomics, internal::TwoLinesOfPairs>", variant_of = "cache_line_map", tsan = False),
    strategy("cache_line_map_one_line", header = "cache_line_map.h", map = "CacheLineMap<K, V, Hash, Atomics, internal::OneLine>", variant_of = "cache_line_map"),
    strategy("segment_map", header = "segment_map.h", map = "SegmentMap<K, V, Hash, Atomics>"),
    strategy("bin_lock_map", header = "bin_lock_map.h", map = "BinLockMap<K, V, Hash, Atomics>"),
    strategy("snapshot_map", header = "snapshot_map.h", map = "SnapshotMap<K, V, Hash, Atomics>"),
    strategy("snapshot_map_acq_rel", header = "snapshot_map.h", map = "SnapshotMap<K, V, Hash, internal::AcquireRelease<Atomics>>", variant_of = "snapshot_map"),
    strategy("snapshot_map_seq_cst", header = "snapshot_map.h", map = "SnapshotMap<K, V, Hash, internal::SeqCst<Atomics>>", variant_of = "snapshot_map"),
    strategy("snapshot_map_hazard", header = "snapshot_map.h", map = "SnapshotMap<K, V, Hash, Atomics, internal::HazardDomain>", variant_of = "snapshot_map"),
    strategy("snapshot_map_qsbr", header = "snapshot_map.h", map = "SnapshotMap<K, V, Hash, Atomics, internal::QuiescentDomain>", variant_of = "snapshot_map", **_QSBR),
    # libstdc++ 12: std::atomic<std::shared_ptr>::load() has a data race (see internal/reclamation/published.h).
    strategy("snapshot_map_shared_ptr", header = "snapshot_map.h", map = "SnapshotMap<K, V, Hash, Atomics, internal::SharedPointers>", variant_of = "snapshot_map", tsan = False),
    strategy("generation_seqlock_map", header = "generation_seqlock_map.h", map = "GenerationSeqlockMap<K, V, Hash, Atomics>", wide = False),
    strategy("generation_pointer_map", header = "generation_pointer_map.h", map = "GenerationPointerMap<K, V, Hash, Atomics>", wide = False),
    strategy("published_map", header = "published_map.h", map = "PublishedMap<K, V, Hash, Atomics>", wide = False),
    strategy("published_map_copy", header = "published_map.h", map = "PublishedMap<K, V, Hash, Atomics, Publication::kCopy>", variant_of = "published_map"),
    strategy("write_batch_map", header = "write_batch_map.h", map = "WriteBatchMap<K, V, Hash, Atomics>", wide = False),
    strategy("write_batch_map_stale", header = "write_batch_map.h", map = "WriteBatchMap<K, V, Hash, Atomics, BatchVisibility::kBounded>", variant_of = "write_batch_map"),
    strategy("lookaside_map", header = "lookaside_map.h", map = "LookasideMap<MutexMap<K, V, Hash, Atomics>, Hash, Atomics>", deps = [":mutex_map", ":sharded_map"], wide = False),
    strategy("lookaside_map_sharded", header = "lookaside_map.h", map = "LookasideMap<ShardedMap<K, V, Hash, Atomics>, Hash, Atomics>", deps = [":mutex_map", ":sharded_map"], variant_of = "lookaside_map"),
    strategy("hot_cold_map", header = "hot_cold_map.h", map = "HotColdMap<K, V, Hash, Atomics>", wide = False),
    strategy("bounded_cache_map", header = "bounded_cache_map.h", map = "BoundedCacheMap<K, V, Hash, Atomics>", wide = False),
    strategy("adaptive_map", header = "adaptive_map.h", map = "AdaptiveMap<K, V, Hash, Atomics>", deps = [":hash_trie_map", ":sharded_map"]),

    # Peers: maps of others behind adapters.
    strategy(
        "boost_concurrent_flat_map",
        header = "peers/boost_concurrent_flat_map.h",
        map = "BoostConcurrentFlatMap<K, V, Hash>",
        direct = ("boost_concurrent_flat_map.h", "peers::DirectBoost<K, V>"),
        deps = [":peers", "@boost_headers//:unordered"],
    ),
    strategy(
        "tbb_concurrent_hash_map",
        header = "peers/tbb_concurrent_hash_map.h",
        map = "TbbConcurrentHashMap<K, V, Hash>",
        direct = ("tbb_concurrent_hash_map.h", "peers::DirectTbb<K, V>"),
        deps = ["@peer_headers//:tbb"],
        # A bucket yet to be filled has the address 3 in place of a node's, which its iterator casts (clang notices).
        ubsan = False,
    ),
    strategy(
        "libcuckoo_map",
        header = "peers/libcuckoo_map.h",
        map = "LibcuckooMap<K, V, Hash>",
        direct = ("libcuckoo_map.h", "peers::DirectCuckoo<K, V>"),
        deps = [":peers", "@peer_headers//:libcuckoo"],
        # Who takes all locks walks the list of arrays of locks while growth appends to it, without an order between them.
        tsan = False,
    ),
    strategy(
        "xenium_vyukov_map",
        header = "peers/xenium_vyukov_map.h",
        map = "XeniumVyukovMap<K, V, Hash>",
        direct = ("xenium_maps.h", "peers::DirectVyukov<K, V>"),
        deps = [":peers", "@peer_headers//:xenium"],
        # Its iterator passes over empty buckets by recursion, which only the optimiser turns into a loop.
        tsan = False,
        asan = False,
        architectures = ["x86_64"],  # its headers refuse ARM: they know no clock there
    ),
    strategy(
        "xenium_harris_michael_map",
        header = "peers/xenium_harris_michael_map.h",
        map = "XeniumHarrisMichaelMap<K, V, Hash>",
        direct = ("xenium_maps.h", "peers::DirectHarrisMichael<K, V, 512>"),
        deps = [":peers", "@peer_headers//:xenium"],
        architectures = ["x86_64"],  # its headers refuse ARM: they know no clock there
    ),
    strategy(
        "xenium_harris_michael_map_wide",
        header = "peers/xenium_harris_michael_map.h",
        map = "XeniumHarrisMichaelMap<K, V, Hash, 65536>",
        direct = ("xenium_maps.h", "peers::DirectHarrisMichael<K, V, 65536>"),
        deps = [":peers", "@peer_headers//:xenium"],
        architectures = ["x86_64"],  # its headers refuse ARM: they know no clock there
    ),
    strategy(
        "libcds_feldman_map",
        header = "peers/libcds_map.h",
        map = "LibcdsMap<K, V, peers::LibcdsFeldman<K, V, Hash>>",
        direct = ("libcds_maps.h", "peers::DirectLibcds<K, V, peers::LibcdsFeldman<K, V, DefaultHash<K>>>"),
        deps = [":peers", "//tools/third_party:cds"],
        # The compiled half of the hazard pointers is not instrumented, and orders by fences.
        tsan = False,
    ),
    strategy(
        "libcds_split_list_map",
        header = "peers/libcds_map.h",
        map = "LibcdsMap<K, V, peers::LibcdsSplitList<K, V, Hash>>",
        direct = ("libcds_maps.h", "peers::DirectLibcds<K, V, peers::LibcdsSplitList<K, V, DefaultHash<K>>>"),
        deps = [":peers", "//tools/third_party:cds"],
        tsan = False,  # as libcds_feldman_map
    ),
    strategy(
        "urcu_lfht_map",
        header = "peers/urcu_lfht_map.h",
        map = "UrcuLfhtMap<K, V, Hash>",
        direct = ("urcu_lfht_map.h", "peers::DirectLfht<K, V>"),
        deps = [":peers", "//tools/third_party:liburcu_cds", "//tools/third_party:liburcu_memb"],
        # The table is compiled and not instrumented, and orders by assembly.
        tsan = False,
    ),
    strategy(
        "absl_flat_hash_map",
        header = "peers/absl_flat_hash_map.h",
        map = "AbslFlatHashMap<K, V, Hash>",
        direct = ("absl_flat_hash_map.h", "peers::DirectAbsl<K, V, 1>"),
        deps = ["//tools/third_party:absl"],
        tsan = False,  # its mutex is compiled and not instrumented
    ),
    strategy(
        "absl_sharded_map",
        header = "peers/absl_flat_hash_map.h",
        map = "AbslFlatHashMap<K, V, Hash, true>",
        direct = ("absl_flat_hash_map.h", "peers::DirectAbsl<K, V, 16>"),
        deps = ["//tools/third_party:absl"],
        tsan = False,  # its mutex is compiled and not instrumented
    ),
]

_HEADER = """// Generated from maps/strategies.bzl.
#ifndef CMAP_MAPS_STRATEGIES_{guard}_H_
#define CMAP_MAPS_STRATEGIES_{guard}_H_

#include <string_view>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
{includes}

namespace cmap::strategies {{

struct {name} {{
  static constexpr std::string_view kName = "{name}";
  static constexpr bool kPeer = {peer};
  template <class K, class V, class Hash = DefaultHash<K>,
            class Atomics = NativeAtomics>
  using Map = cmap::{map};
{direct}}};

}}  // namespace cmap::strategies

#endif  // CMAP_MAPS_STRATEGIES_{guard}_H_
"""

_DIRECT = """
  // Without the adapter.
  template <class K, class V>
  using Direct = cmap::%s;
"""

_CONFORMANCE_TEST = """// Generated from maps/strategies.bzl.
#include "maps/strategies/{name}.h"
#include "maps/testing/counting_new.h"
// After counting_new.h.
#include "maps/testing/conformance.h"

[[maybe_unused]] static const bool kRegistered =
    cmap::testing::Register{kit}<cmap::strategies::{name}>();
"""

def _write_impl(ctx):
    ctx.actions.write(output = ctx.outputs.out, content = ctx.attr.content)

write_file = rule(
    implementation = _write_impl,
    attrs = {"content": attr.string(mandatory = True), "out": attr.output(mandatory = True)},
)

def json_file(name, value, **kwargs):
    """The file <name>.json with a Starlark value."""
    write_file(
        name = name,
        out = name + ".json",
        content = json.encode_indent(value, indent = "  ") + "\n",
        **kwargs
    )

def where(s, if_true, if_false):
    """select() between two lists by whether the target architecture is one of the strategy's."""
    if s.architectures == _EVERYWHERE:
        return if_true
    return select(dict(
        {"//tools/platforms:is_" + arch: if_true for arch in s.architectures},
        **{"//conditions:default": if_false}
    ))

def _refused(s):
    """Names of the sanitizers that cannot follow the strategy."""
    return ([] if s.tsan else ["thread"]) + ([] if s.asan else ["address"]) + ([] if s.ubsan else ["undefined"])

def followed(s):
    """target_compatible_with of a test of the strategy."""
    return not_under(*_refused(s))

_REGISTRATIONS = """// Generated from maps/strategies.bzl.
{includes}

[[maybe_unused]] static const bool kRegistered =
{calls}
    false;
"""

def _registration(s, call):
    """The call for one strategy, unless built with a sanitizer that cannot follow it."""
    line = "    " + call.format(name = s.name) + " |"
    # .bazelrc defines the macros.
    for what in _refused(s):
        line = "#ifndef CMAP_%s_SANITIZER\n%s\n#endif" % (what.upper(), line)
    return line

def registrations(name, header, call, deps, strategies = STRATEGIES):
    """Declares the library `name`: whatever links it knows every strategy (of those that a sanitizer can follow, built with one).

    Its parts are <name>_<header of the strategy>: strategies of one header share a source file, because reading the headers is
    most of the work of compiling it.

    Args:
      name: the library.
      header: declares what `call` calls.
      call: an expression of type bool that registers the strategy {name}.
      deps: libraries beside the strategies'.
      strategies: which of the list.
    """
    families = {}
    for s in strategies:
        families.setdefault(s.header.split("/")[-1][:-len(".h")], []).append(s)
    parts = []
    for family, members in families.items():
        part = "%s_%s" % (name, family)
        first = members[0]
        for s in members:
            if s.architectures != first.architectures:
                fail("%s and %s share a header and not their architectures" % (first.name, s.name))
        write_file(
            name = part + "_source",
            out = part + ".cc",
            content = _REGISTRATIONS.format(
                includes = "\n".join(["#include \"%s\"" % h for h in [header] + ["maps/strategies/%s.h" % s.name for s in members]]),
                calls = "\n".join([_registration(s, call) for s in members]),
            ),
        )
        cc_library(
            name = part,
            srcs = [part + ".cc"],
            target_compatible_with = where(first, [], ["//tools/platforms:incompatible"]),
            deps = deps + ["//maps:" + s.name for s in members],
            alwayslink = True,
        )
        parts = parts + where(first, [":" + part], [])
    cc_library(
        name = name,
        deps = parts,
    )

def declare_strategies():
    """Declares the targets of every strategy. Called once, by maps/BUILD."""
    own_tests = native.glob(["*_test.cc"])
    for s in STRATEGIES:
        header = "strategies/" + s.name + ".h"
        direct = ["peers/direct/" + s.direct[0]] if s.direct else []
        write_file(
            name = s.name + "_header",
            out = header,
            content = _HEADER.format(
                guard = s.name.upper(),
                includes = "\n".join(["#include \"maps/%s\"" % h for h in [s.header] + s.policies + direct]),
                name = s.name,
                map = s.map,
                direct = _DIRECT % s.direct[1] if s.direct else "",
                peer = "true" if s.peer else "false",
            ),
        )
        cc_library(
            name = s.name,
            hdrs = [header, s.header] + direct + native.glob([s.header[:-len(".h")] + "/*.h"]),
            tags = ["map_strategy"] + (["peer"] if s.peer else []),
            target_compatible_with = where(s, [], ["//tools/platforms:incompatible"]),
            visibility = ["//visibility:public"],
            deps = [":concurrent_map", ":internal"] + s.deps,
        )

        test = s.name + "_conformance_test"
        source = test + ".cc"
        write_file(
            name = test + "_source",
            testonly = True,
            out = source,
            content = _CONFORMANCE_TEST.format(name = s.name, kit = "Variant" if s.variant_of else "Conformance"),
        )
        cc_test(
            name = test,
            size = "medium",
            srcs = [source],
            target_compatible_with = followed(s) + where(s, [], ["//tools/platforms:incompatible"]),
            deps = [":" + s.name, "//maps/testing:conformance"],
        )

        # Of variants only those that bring libraries: the others differ from their strategy in policies that are tested there.
        if CROSS_ARCH in s.architectures and (s.deps or not s.variant_of):
            cross_test(
                name = test + "_" + CROSS_ARCH,
                size = "medium",
                timeout = "long",  # maps that copy all for a write, under AddressSanitizer
                # The checks are the same and shorter: emulated code is several times slower, and what only time can find, the
                # order of memory accesses, the emulator inherits from this machine.
                env = {"CMAP_TEST_SHARE": "0.15"},
                test = ":" + test,
            )

    # What is peculiar to some strategies is tested in <strategy>_test.cc beside the header.
    for source in own_tests:
        cc_test(
            name = source[:-len(".cc")],
            srcs = [source],
            deps = [":" + s.name for s in STRATEGIES if not s.peer] + [
                ":concurrent_map",
                ":internal",
                "//maps/testing:conformance",
                "@com_google_googletest//:gtest_main",
            ],
        )
