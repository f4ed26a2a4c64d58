// SPDX-License-Identifier: Apache-2.0
//
// Logarithm and exponential that are the same to the last bit everywhere. The
// standard library's differ between versions and between processors with and
// without fused multiply-add; a tape drawn through them would differ too.
// Here: tables computed at start-up and short series, from IEEE additions,
// multiplications and divisions only, compiled without contraction.
// Relative error below 1e-14 in the range that the streams use.
#ifndef CMAP_WORKLOADS_DET_MATH_H_
#define CMAP_WORKLOADS_DET_MATH_H_

namespace cmap::workloads {

// Natural logarithm of a positive, normal number.
double DetLog(double x);

// e^x. 0 below -700; the largest argument that is meant is 700.
double DetExp(double x);

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_DET_MATH_H_
