# SPDX-License-Identifier: Apache-2.0
"""What the loop that plays tapes costs must not depend on the map: the machine code of a few contestants' loads.

The worker's loop (PlayLoop, workloads/runner.h) keeps what it counts in registers. In memory the counters cost nothing
beside a map whose loads are plain, and several nanoseconds beside one that contains locked instructions, which wait for
every store before them. Nobody notices: the null map, which measures the harness, is of the first kind. So this test reads
the code and looks for

  - counters in memory: 64-bit words that are read, changed and written, without a lock prefix;
  - failed store forwarding: a store to the stack, and a load that needs more bytes than it wrote;
  - a visitor that was not inlined, so that the value comes back through memory;
  - of maps whose loads write nothing, any store at all.

Argument: the worker (x86-64, g++).
"""

import dataclasses
import json
import re
import subprocess
import sys
import unittest

# Contestants and their classes. In the loads of the first group nothing is stored. (sharded_map would not do: across its own
# calls it needs all registers that calls preserve, and a sum goes to the stack there in a loop by hand as well.)
PLAIN = {"null": "NullMap", "cache_line_map": "CacheLineMap"}
LOCKED = {
    "mutex_map": "MutexMap",
    "boost_concurrent_flat_map": "BoostConcurrentFlatMap",
}
LOADS = r"PlayLoop<cmap::workloads::internal::OnlyLoop<\(cmap::Op\)0>, \(cmap::workloads::Boundary\)0, cmap::%s<unsigned long, unsigned long, "

MEMORY = re.compile(r"(?:%\w+:)?(-?0x[0-9a-f]+|-?\d+)?\((%\w+)?(?:,(%\w+)?(?:,\d)?)?\)")
CHANGES = re.compile(r"(?:add|sub|or|and|xor|inc|dec|neg|not|adc|sbb)[bwlq]?$")
# Instructions that read their last operand, or have none.
ONLY_READS = re.compile(r"(?:cmp|test|ucomis|comis|prefetch|nop|bt[bwlq]?$|push|call|jmp|j[a-z]+$|ret|mul|imul|div|idiv)")
SUFFIXES = {"b": 1, "w": 2, "l": 4, "q": 8}
VECTOR = re.compile(r"v?mov(?:u|a|dqu|dqa)(?:ps|pd)?$|v?movdq[ua]$")


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One line of a disassembly."""

    address: int
    mnemonic: str
    operands: tuple
    text: str
    locked: bool

    @property
    def target(self):
        """Where a jump goes; None of other instructions."""
        if not self.mnemonic.startswith("j"):
            return None
        found = re.match(r"([0-9a-f]+)\b", self.operands[0]) if self.operands else None
        return int(found.group(1), 16) if found else None

    @property
    def ends_block(self):
        return self.mnemonic.startswith(("j", "ret", "ud2"))

    @property
    def falls_through(self):
        return not self.mnemonic.startswith(("jmp", "ret", "ud2"))

    def width(self):
        """Bytes of the memory operand."""
        if VECTOR.match(self.mnemonic):
            return 16
        for operand in self.operands:
            if re.match(r"%(r\w+|xmm\d+)$", operand):
                return 2 if operand.endswith("w") else 4 if operand.endswith("d") and operand[2].isdigit() else \
                    1 if operand.endswith("b") and operand[2].isdigit() else 8
            if re.match(r"%e\w\w$", operand):
                return 4
            if re.match(r"%[a-ds][il]?[lh]$|%[sd]il$|%[sb]pl$", operand):
                return 1
            if re.match(r"%[a-ds][xip]$|%bp$", operand):
                return 2
        return SUFFIXES.get(self.mnemonic[-1], 8)

    @property
    def stores_to(self):
        """The memory operand that is written, or None."""
        if not self.operands or ONLY_READS.match(self.mnemonic):
            return None
        last = self.operands[-1]
        return last if MEMORY.search(last) and not self.mnemonic.startswith("lea") else None

    @property
    def loads_from(self):
        if self.mnemonic.startswith(("lea", "nop", "prefetch")):
            return None
        for operand in self.operands:
            if MEMORY.search(operand) and (operand is not self.operands[-1] or ONLY_READS.match(self.mnemonic)
                                           or CHANGES.match(self.mnemonic)):
                return operand
        return None

    @property
    def counts_in_memory(self):
        return bool(not self.locked and self.stores_to and CHANGES.match(self.mnemonic) and self.width() == 8)


def stack_bytes(operand, width):
    """The bytes of the stack that an operand names, relative to its base register; None elsewhere."""
    found = MEMORY.search(operand)
    if found is None or found.group(2) not in ("%rsp", "%rbp") or found.group(3) or ":" in operand:
        return None
    begin = int(found.group(1) or "0", 16 if "0x" in (found.group(1) or "") else 10)
    return found.group(2), range(begin, begin + width)


def parse(disassembly):
    """The instructions of an objdump listing."""
    found = []
    for line in disassembly.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+(.+?)\s*(?:#.*)?$", line)
        if not match:
            continue
        text = match.group(2)
        words = re.sub(r"\s*<.*>$", "", text).split(None, 1)
        locked = words[0] == "lock"
        while words[0] in ("lock", "cs", "rep", "repz", "notrack", "data16", "bnd") and len(words) > 1:
            words = words[1].split(None, 1)
        operands = re.findall(r"(?:[^,(]|\([^)]*\))+", words[1]) if len(words) > 1 else []
        found.append(Instruction(int(match.group(1), 16), words[0], tuple(o.strip() for o in operands), text, locked))
    return found


def blocks_of(instructions):
    """Basic blocks: address of the first instruction -> (instructions, addresses of the blocks that may follow)."""
    first, last = instructions[0].address, instructions[-1].address
    leaders = {first}
    for before, after in zip(instructions, instructions[1:]):
        if before.ends_block:
            leaders.add(after.address)
        if before.target is not None and first <= before.target <= last:
            leaders.add(before.target)
    blocks, current = {}, None
    for i in instructions:
        if i.address in leaders:
            current = []
            blocks[i.address] = current
        current.append(i)
    starts = sorted(blocks)
    following = dict(zip(starts, starts[1:]))
    edges = {}
    for start, block in blocks.items():
        end = block[-1]
        edges[start] = {end.target} & set(blocks) if end.target is not None else set()
        if end.falls_through and start in following:
            edges[start].add(following[start])
    # Padding and landing pads of exceptions are not reached from the entry, and would hide loops that they fall into.
    reached, waiting = set(), [first]
    while waiting:
        start = waiting.pop()
        if start not in reached:
            reached.add(start)
            waiting += edges[start]
    return {b: blocks[b] for b in reached}, {b: edges[b] for b in reached}


def natural_loops(entry, edges):
    """Header -> blocks, of every loop that is entered at its header only."""
    everything = set(edges)
    sources = {b: {a for a in edges if b in edges[a]} for b in edges}
    dominators = {b: {b} if b == entry else set(everything) for b in edges}
    changed = True
    while changed:
        changed = False
        for b in sorted(everything - {entry}):
            reaching = [dominators[a] for a in sources[b]]
            now = {b} | (set.intersection(*reaching) if reaching else set())
            changed, dominators[b] = changed or now != dominators[b], now
    loops = {}
    for a in edges:
        for header in edges[a] & dominators[a]:
            body, waiting = loops.setdefault(header, {header}), [a]
            while waiting:
                b = waiting.pop()
                if b not in body:
                    body.add(b)
                    waiting += sources[b]
    return loops


def tape_loop(instructions):
    """The loop over the entries of a tape, as blocks and edges: the smallest in which an entry is split (index = entry >> 4)."""
    blocks, edges = blocks_of(instructions)
    candidates = [
        body for body in natural_loops(instructions[0].address, edges).values()
        if any(i.mnemonic == "shr" and re.fullmatch(r"\$0x4,%(e\w\w|r\d+d)", ",".join(i.operands))
               for b in body for i in blocks[b])
    ]
    if not candidates:
        return None
    body = min(candidates, key=len)
    return {b: blocks[b] for b in sorted(body)}, {b: edges[b] & body for b in body}


def failed_forwarding(blocks, edges):
    """Pairs of a store to the stack and a load that may find it and needs more bytes than it wrote."""
    found = []

    def run(block, writers, note):
        writers = dict(writers)
        for i in block:
            read = stack_bytes(i.loads_from, i.width()) if i.loads_from else None
            if read and note:
                for store in sorted({s for b in read[1] for s in writers.get((read[0], b), ())}, key=lambda s: s.address):
                    if not set(read[1]) <= set(stack_bytes(store.stores_to, store.width())[1]):
                        found.append((store, i))
            written = stack_bytes(i.stores_to, i.width()) if i.stores_to else None
            if written:
                writers.update({(written[0], b): frozenset([i]) for b in written[1]})
        return writers

    before, waiting = {b: {} for b in blocks}, list(blocks)
    while waiting:
        b = waiting.pop()
        after = run(blocks[b], before[b], note=False)
        for next_block in edges[b]:
            merged = dict(before[next_block])
            for byte, stores in after.items():
                merged[byte] = merged.get(byte, frozenset()) | stores
            if merged != before[next_block]:
                before[next_block] = merged
                waiting.append(next_block)
    for b in blocks:
        run(blocks[b], before[b], note=True)
    return found


def faults(loop, stores_nothing):
    """What must not be in the loop, as lines of text."""
    blocks, edges = loop
    everything = [i for block in blocks.values() for i in block]
    # What surrounds a call that is seldom made, such as of a slow path, is not the hot path.
    hot = [i for block in blocks.values() if not any(j.mnemonic.startswith("call") for j in block) for i in block]
    found = [f"a counter in memory:        {i.text}" for i in everything if i.counts_in_memory]
    found += [f"failed store forwarding:    {store.text}   then   {load.text}"
              for store, load in failed_forwarding(blocks, edges)]
    found += [f"a visitor out of line:      {i.text}" for i in everything
              if i.mnemonic.startswith("call") and re.search(r"<_Z\w*\d(?:Visit|cvisit)I", i.text)]
    if stores_nothing:
        found += [f"a store in the hot loop:    {i.text}" for i in hot if i.stores_to]
    return found


class LoopCodeTest(unittest.TestCase):
    worker = ""
    functions = {}  # demangled name -> (address, size)

    @classmethod
    def setUpClass(cls):
        described = subprocess.run([cls.worker, "--describe"], check=True, capture_output=True, text=True).stdout
        if "clang" in json.loads(described)["compiler"]:
            raise unittest.SkipTest("the patterns are those of g++")
        symbols = subprocess.run(["nm", "--print-size", "--defined-only", "--demangle", cls.worker], check=True,
                                 capture_output=True, text=True).stdout
        for line in symbols.splitlines():
            parts = line.split(None, 3)
            if len(parts) == 4 and parts[2] in "tTwW" and "PlayLoop<" in parts[3]:
                cls.functions[parts[3]] = (int(parts[0], 16), int(parts[1], 16))

    def loads(self, class_name):
        """The instructions of the loop that only loads."""
        wanted = re.compile(LOADS % class_name)
        found = [span for name, span in self.functions.items() if wanted.search(name)]
        self.assertTrue(found, f"the worker has no loop over loads of {class_name}: has PlayLoop been renamed? Then this "
                               "test must be told.")
        address, size = found[0]
        listing = subprocess.run(
            ["objdump", "--disassemble", "--no-show-raw-insn", f"--start-address={address}",
             f"--stop-address={address + size}", self.worker], check=True, capture_output=True, text=True).stdout
        return parse(listing)

    def check(self, contestants, stores_nothing):
        for name, class_name in contestants.items():
            with self.subTest(name):
                loop = tape_loop(self.loads(class_name))
                self.assertIsNotNone(loop, f"{name}: no loop over a tape's entries in its PlayLoop")
                found = faults(loop, stores_nothing)
                self.assertFalse(found, f"\nThe loop over the loads of {name} does what costs some maps more than others:\n  " +
                                 "\n  ".join(found) + "\nSee Tally and Player in workloads/runner.h.")

    def test_loads_that_write_nothing_are_played_without_a_store(self):
        self.check(PLAIN, stores_nothing=True)

    def test_beside_locked_instructions_nothing_is_counted_in_memory(self):
        self.check(LOCKED, stores_nothing=False)


def listing(*lines):
    """A made-up listing: a loop over a tape with these lines in it."""
    body = ["mov    (%r12),%ebx", "shr    $0x4,%ebx", *lines, "add    $0x4,%r12", "cmp    %r12,%r13", "jne    1000 <f>"]
    return "\n".join(f"    {0x1000 + 8 * n:x}:\t{line}" for n, line in enumerate(body + ["ret"]))


class ReadingTest(unittest.TestCase):
    """Whether the patterns are found where they are."""

    def found(self, *lines, stores_nothing=False):
        return [text.split(":")[0] for text in faults(tape_loop(parse(listing(*lines))), stores_nothing)]

    def test_registers_are_fine(self):
        self.assertEqual(self.found("add    %rax,%r15", "or     %rbx,%r14", "mov    0x8(%rax),%rcx", stores_nothing=True), [])

    def test_counters_in_memory(self):
        self.assertEqual(self.found("addq   $0x1,-0x68(%rbp)"), ["a counter in memory"])
        self.assertEqual(self.found("add    %rdx,0x30(%rbx)"), ["a counter in memory"])
        self.assertEqual(self.found("or     %rbx,0x8(%rsp)"), ["a counter in memory"])

    def test_a_locks_own_words_are_not_counters(self):
        self.assertEqual(self.found("lock subl $0x1,(%rdx)", "lock xadd %r8,0x2a491(%rip)", "addl   $0x1,-0xa0(%rbp)",
                                    "lock addq $0x1,(%rdx)", "cmpq   $0x0,0x8(%rbx)"), [])

    def test_store_forwarding_that_fails(self):
        self.assertEqual(self.found("mov    %rax,-0x40(%rbp)", "movb   $0x1,-0x38(%rbp)", "movdqu -0x40(%rbp),%xmm0"),
                         ["failed store forwarding"] * 2)
        self.assertEqual(self.found("movb   $0x1,0x8(%rsp)", "mov    0x8(%rsp),%rdx"), ["failed store forwarding"])
        self.assertEqual(self.found("movb   $0x1,0x8(%rsp)", "cmpb   $0x0,0x8(%rsp)"), [])
        self.assertEqual(self.found("mov    %rax,0x8(%rsp)", "mov    0x8(%rsp),%edx"), [])

    def test_stores(self):
        self.assertEqual(self.found("mov    %rax,0x8(%rsp)", stores_nothing=True), ["a store in the hot loop"])
        self.assertEqual(self.found("mov    %rax,0x8(%rsp)"), [])

    def test_visitors_out_of_line(self):
        self.assertEqual(self.found("call   1e650 <_ZN4cmap3MapImmE5VisitIZNS_4CallEvEUlRKmE_EEbS5_OT_>"),
                         ["a visitor out of line"])
        self.assertEqual(self.found("call   2160 <pthread_mutex_unlock@plt>"), [])

    def test_what_surrounds_a_seldom_call_is_not_hot(self):
        lines = ["test   %rax,%rax", "je     1040 <f>", "mov    %r9,-0x60(%rbp)", "call   2466 <slow>", "mov    -0x60(%rbp),%r9"]
        self.assertEqual(self.found(*lines, stores_nothing=True), [])

    def test_the_loop_is_the_one_over_the_tape(self):
        self.assertIsNone(tape_loop(parse("  10:\tmov    %rax,%rbx\n  18:\tret")))
        self.assertEqual(self.found("nop"), [])


if __name__ == "__main__":
    LoopCodeTest.worker = sys.argv.pop(1)
    unittest.main()
