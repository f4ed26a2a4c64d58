# SPDX-License-Identifier: Apache-2.0
"""Where C++ sources ask maps for keys, what the keys look like, and how often they may come back."""

import collections
import json
import os
import sys

from tools.arguments import Parser, named
from tools.scan_keys import scan


def as_json(accesses, notes):
    return {
        "schema": 1,
        "accesses": [{
            "file": a.file, "line": a.line, "map": a.map, "call": a.call, "operation": a.operation,
            "template": a.key.template, "expected_reuse": scan.expected_reuse(a.key)[0],
        } for a in accesses],
        "templates": len({a.key.template for a in accesses}),
        "notes": notes,
    }


def as_text(accesses, notes):
    lines = []
    maps = collections.defaultdict(lambda: collections.defaultdict(list))
    for access in accesses:
        maps[access.map][access.key.template].append(access)
    for name in sorted(maps, key=lambda m: -sum(map(len, maps[m].values()))):
        total = sum(map(len, maps[name].values()))
        lines.append(f"{name}: {total} {'access' if total == 1 else 'accesses'}")
        for template, places in sorted(maps[name].items(), key=lambda item: -len(item[1])):
            reuse, why = scan.expected_reuse(places[0].key)
            operations = ", ".join(f"{n} {what}" for what, n in
                                   collections.Counter(a.operation for a in places).most_common())
            lines.append(f"  {template}")
            lines.append(f"      {operations}; first at {places[0].file}:{places[0].line}")
            lines.append(f"      expected reuse: {reuse} ({why})")
    templates = len({a.key.template for a in accesses})
    lines.append("")
    if not accesses:
        lines.append("No access to a map was found.")
    else:
        lines.append(f"{len(accesses)} accesses, {templates} key templates. A published rule calls reuse sufficient "
                     "when there are 200 templates or fewer;")
        lines.append("templates are not keys, however: one template with a hole can be one key or a billion. "
                     "sampled_map.h records how often they come back.")
    lines += [f"Note: {note}." for note in notes]
    return "\n".join(lines)


def main(argv):
    parser = Parser(prog="scan_keys", description=__doc__)
    parser.add_argument("folder", metavar="DIR", type=named, help="folder with C++ sources")
    parser.add_argument("--compile-commands", metavar="FILE", type=named,
                        help="compilation database (default: DIR/compile_commands.json, DIR/build/..., or none)")
    parser.add_argument("--json", action="store_true", help="prints JSON")
    parser.add_argument("arguments", nargs="*", help="after --: more arguments for the compiler, e.g. -I FOLDER")
    args = parser.parse_args(argv)
    try:
        # bazel run starts programs in a folder of its own; paths are the caller's.
        os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
        accesses, notes = scan.scan(args.folder, args.compile_commands, args.arguments)
    except scan.ScanError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(as_json(accesses, notes), indent=1) if args.json else as_text(accesses, notes))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
