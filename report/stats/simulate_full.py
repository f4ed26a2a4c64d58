# SPDX-License-Identifier: Apache-2.0
"""Prints what the statistics are worth on simulated data, as the Markdown tables of METHODOLOGY.md.

    bazel run //report/stats:simulate_full -- --runs 500

Some minutes for every hundred runs.
"""

import argparse

from report.stats import cells, compare, simulate


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500, help="searches for every shape and SD (default 500)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sd", default="0.01,0.02,0.05", help="SDs of a visit, comma separated (default %(default)s)")
    parser.add_argument("--only", default="", help="only shapes whose name holds this text; no cells")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs must be at least 1.")
    print("| shape | SD of a visit | right word | undecided | wrong word | coverage | median width | visits |")
    print("|---|---|---|---|---|---|---|---|")
    for sd in map(float, arguments.sd.split(",")):
        delta = cells.delta_for(1 if sd <= 0.01 else 2)
        for i, shape in enumerate(simulate.SHAPES):
            if arguments.only not in shape.name:
                continue
            row = simulate.study(shape, sd, delta, arguments.runs, arguments.seed * 1000 + i)
            cover = "" if row.coverage != row.coverage else f"{100 * row.coverage:.1f} %"
            width = "" if row.width != row.width else f"{row.width:.3f}"
            print(f"| {row.shape} | {100 * sd:g} % | {100 * row.right:.1f} % | {100 * row.undecided:.1f} % | "
                  f"{100 * row.wrong:.1f} % | {cover} | {width} | {row.visits:.0f} |", flush=True)
    if arguments.only:
        return
    found = compare.totals(compare.compare_runs(*simulate.repeat(arguments.runs, arguments.seed)))
    print(f"\nTwo runs of {arguments.runs} random curves and as many random cells: {found['contradictory']} "
          f"contradictory, agreement among decided {100 * found['agreement']:.1f} %, undecided {100 * found['undecided_share']:.1f} %",
          flush=True)
    print("\n| true effect | SD of a visit | threads | faster | equivalent | slower | undecided | coverage "
          "| mean half-width | visits |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for threads, effect, sd in ((1, 0.0, 0.01), (1, 0.01, 0.01), (1, -0.0296, 0.01), (1, 0.1, 0.01), (1, 0.0, 0.02),
                                (2, 0.0, 0.022), (2, 0.03, 0.022), (2, 0.06, 0.022), (2, 0.0, 0.05), (2, 0.3, 0.05)):
        row = simulate.study_cell(effect, sd, threads, arguments.runs * 4, arguments.seed)
        share = {k: f"{100 * v:.1f} %" for k, v in row.verdicts.items()}
        print(f"| {100 * effect:+.0f} % | {100 * sd:g} % | {threads} | {share[cells.FASTER]} | "
              f"{share[cells.EQUIVALENT]} | {share[cells.SLOWER]} | {share[cells.UNDECIDED]} | "
              f"{100 * row.coverage:.1f} % | {row.half_width:.4f} | {row.visits:.0f} |", flush=True)
    print("\n| runs | threads | first run shifted by | SD between runs | agrees | differs | undecided |")
    print("|---|---|---|---|---|---|---|")
    for runs in (2, 3, 8):
        for threads, sd in ((1, 0.01), (2, 0.022)):
            for shift, tau in ((0.0, 0.0), (0.0, 0.005), (0.0, 0.01), (cells.delta_for(threads), 0.0), (0.05, 0.0), (0.1, 0.0)):
                share = simulate.study_runs(runs, threads, sd, arguments.runs * 2, arguments.seed, shift, tau)
                print(f"| {runs} | {threads} | {100 * shift:g} % | {100 * tau:g} % | "
                      + " | ".join(f"{100 * v:.1f} %" for v in share.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
