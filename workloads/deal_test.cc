// SPDX-License-Identifier: Apache-2.0
#include "workloads/deal.h"

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "workloads/figures.h"
#include "workloads/tape.h"

namespace cmap::workloads {
namespace {

// All players at the same time; player 0 is slow on every chunk.
void DrawAll(Deal& deal, std::size_t players) {
  std::vector<std::thread> running;
  for (std::size_t player = 0; player < players; ++player) {
    running.emplace_back([&, player] {
      deal.Draw(player, [&](const Piece&) {
        if (player == 0) std::this_thread::yield();
      });
    });
  }
  for (std::thread& thread : running) thread.join();
}

// Every entry of every sequence once, in order.
void ExpectComplete(const Deal& deal, std::size_t sequences) {
  std::vector<std::vector<Piece>> of(sequences);
  for (const auto& pieces : deal.played()) {
    for (const Piece& piece : pieces) of[piece.sequence].push_back(piece);
  }
  for (auto& pieces : of) {
    std::sort(pieces.begin(), pieces.end(),
              [](const Piece& a, const Piece& b) { return a.position < b.position; });
    std::size_t next = 0;
    for (const Piece& piece : pieces) {
      EXPECT_EQ(piece.position, next);
      next += piece.n;
    }
    EXPECT_EQ(next, deal.n());
  }
}

TEST(Deal, EveryEntryOnce) {
  for (const std::size_t players : {1u, 2u, 7u, 16u}) {
    for (const std::size_t n : {1u, 31u, 32u, 1000u, 7071u, 100000u}) {
      for (const bool joint : {false, true}) {
        for (const bool whole : {false, true}) {
          const std::size_t sequences = joint ? 1 : players;
          Deal deal(sequences, n, players, whole);
          DrawAll(deal, players);
          ExpectComplete(deal, sequences);
          deal.Shuffle();
          DrawAll(deal, players);
          ExpectComplete(deal, sequences);
        }
      }
    }
  }
}

TEST(Deal, OnePlayerPlaysEachSequenceAtOnce) {
  Deal deal(1, 5000, 1, /*whole=*/false);
  DrawAll(deal, 1);
  EXPECT_EQ(deal.played()[0], (std::vector<Piece>{{0, 0, 5000}}));
}

TEST(Deal, BatchesStayWhole) {
  Deal deal(4, 5000, 4, /*whole=*/true);
  DrawAll(deal, 4);
  for (const auto& pieces : deal.played()) {
    for (const Piece& piece : pieces) EXPECT_EQ(piece.n, 5000u);
  }
}

// What makes threads end together: the last chunks are small.
TEST(Deal, ChunksGetSmallTowardsTheEnd) {
  Deal deal(1, 100000, 16, /*whole=*/false);
  deal.Draw(3, [](const Piece&) {});
  const std::vector<Piece>& pieces = deal.played()[3];
  for (const Piece& piece : pieces) EXPECT_LE(piece.n, kMostDealt);
  for (std::size_t i = 1; i < pieces.size(); ++i) EXPECT_LE(pieces[i].n, pieces[i - 1].n);
  EXPECT_LE(pieces.back().n, kLeastDealt);
}

TEST(Deal, OthersKeysComeLast) {
  Deal deal(3, 1000, 3, /*whole=*/false);
  deal.Draw(1, [](const Piece&) {});  // the only one to play
  std::uint32_t expected[] = {1, 2, 0};
  std::size_t at = 0;
  for (const Piece& piece : deal.played()[1]) {
    if (piece.sequence != expected[at]) ++at;
    ASSERT_LT(at, 3u);
    EXPECT_EQ(piece.sequence, expected[at]);
  }
  EXPECT_EQ(at, 2u);
}

// The joint reuse rate of whatever has been begun, of a sequence dealt to sixteen
// threads: within one key of its target in every prefix.
TEST(Deal, SharedReuseIsExactInEveryPrefix) {
  Spec spec;
  spec.keys = {.stream = Stream::kKrr, .reuse = 0.83, .sharing = Sharing::kShared};
  spec.mix = {0, 0, 100};
  spec.regime = Regime::kGrowth;
  spec.ops = 50000;
  const Tape tape = GenerateDealtTape(spec, 16, MaxSliceOps(spec, 16) / 16, 9);
  ASSERT_EQ(tape.threads.size(), 1u);
  Deal deal(1, 200000, 16, /*whole=*/false);
  deal.Draw(0, [](const Piece&) {});
  std::vector<bool> seen(tape.universe, false);
  double distinct = 0;
  double requests = 0;
  for (const Piece& piece : deal.played()[0]) {
    for (std::size_t i = piece.position; i < piece.position + piece.n; ++i) {
      const std::uint32_t index = EntryIndex(tape.threads[0][i]);
      if (!seen[index]) ++distinct;
      seen[index] = true;
      ++requests;
    }
    ASSERT_NEAR(distinct, requests * (1 - 0.83), 1.0 + 1e-6);
  }
  EXPECT_NEAR(Measure(tape, 200000).reuse_rate, 0.83, 1e-5);
}

// A reused key was first asked for longer ago than all threads have in hand.
TEST(Deal, SharedReuseLagsBehindTheThreads) {
  Spec spec;
  spec.keys = {.stream = Stream::kKrr, .reuse = 0.5, .sharing = Sharing::kShared};
  spec.mix = {0, 0, 100};
  spec.regime = Regime::kGrowth;
  spec.ops = 1;
  const Tape tape = GenerateDealtTape(spec, 16, 10000, 9);
  std::vector<std::size_t> first(tape.universe, ~std::size_t{0});
  for (std::size_t i = 0; i < tape.length(); ++i) {
    std::size_t& at = first[EntryIndex(tape.threads[0][i])];
    if (at == ~std::size_t{0}) {
      at = i;
    } else {
      ASSERT_GE(i - at, std::min<std::size_t>(16 * kMostDealt, i / 2));
    }
  }
}

}  // namespace
}  // namespace cmap::workloads
