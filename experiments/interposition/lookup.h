/* SPDX-License-Identifier: Apache-2.0
 *
 * A lookup service behind a C ABI: what a program links against without knowing
 * which map answers, and what therefore can be interposed without rebuilding it.
 */
#ifndef CMAP_EXPERIMENTS_INTERPOSITION_LOOKUP_H_
#define CMAP_EXPERIMENTS_INTERPOSITION_LOOKUP_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 1 and *value if the key is present, else 0. */
int cmap_lookup(uint64_t key, uint64_t* value);
void cmap_store(uint64_t key, uint64_t value);

/* The word that says whether what was looked up before still holds. Low 16 bits:
 * stores at work; the rest: stores that have ended. Read it with acquire order. */
const uint64_t* cmap_lookup_word(void);

#ifdef __cplusplus
}
#endif

#endif /* CMAP_EXPERIMENTS_INTERPOSITION_LOOKUP_H_ */
