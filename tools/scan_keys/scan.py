# SPDX-License-Identifier: Apache-2.0
"""Finds accesses to maps in C++ sources and the shape of their keys, with libclang."""

import dataclasses
import functools
import json
import os
import re
import shlex

try:
    from clang import cindex
except ImportError:
    cindex = None

SOURCES = (".cc", ".cpp", ".cxx", ".c++", ".C")
HEADERS = (".h", ".hh", ".hpp", ".hxx")

# Operations by name; the key is the first argument.
READS = {"find", "count", "contains", "at", "Load", "get", "Get", "Lookup"}
UPSERTS = {"operator[]", "try_emplace", "emplace", "insert", "LoadOrStore", "LoadOrCompute"}
WRITES = {"insert_or_assign", "Store", "Swap", "CompareAndSwap", "put", "Put", "set", "Set", "Insert"}
DELETES = {"erase", "Delete", "LoadAndDelete", "CompareAndDelete", "remove", "Remove"}
_GROUPS = (("read", READS), ("read or write", UPSERTS), ("write", WRITES), ("delete", DELETES))
OPERATION = {name: group for group, names in _GROUPS for name in names}

# Functions whose result is another one at each call.
_FRESH = re.compile(r"(?i)(uuid|guid|rand|nonce|now$|timestamp|clock|fetch_add|next_?id|unique|mt19937|_distribution)")
_CONCATENATING = {"StrCat", "StrAppend", "strcat", "concat", "Concat"}
_CONVERTING = {"to_string", "string", "basic_string", "string_view", "basic_string_view", "move", "forward",
               "c_str", "str", "data", "as_const"}


# Incomplete: headers alone are read as well. 0x200 is CXTranslationUnit_KeepGoing, which this version of the Python
# module has no name for: a header that is not found does not end the reading.
_PARSING = 0x02 | 0x200


class ScanError(Exception):
    """One sentence that names the thing and the remedy."""


@dataclasses.dataclass(frozen=True)
class Key:
    """The shape of a key: text with {holes}, and where the holes get their values from."""
    template: str
    sources: frozenset  # of "fresh", "loop", "small", "data"; empty: constant
    keys: int = 1       # at most so many different ones, if all sources are "small"


@dataclasses.dataclass(frozen=True)
class Access:
    file: str
    line: int
    map: str
    operation: str  # a group
    call: str
    key: Key


def expected_reuse(key):
    """How often such a key comes back, as far as a source tells: a class and a sentence."""
    if not key.sources:
        return "one key", "always the same key: every request but the first asks for it again"
    if "fresh" in key.sources:
        return "low", "made anew at each request: keys hardly come back"
    if key.sources == {"small"}:
        return "high", f"at most {key.keys} keys"
    if "loop" in key.sources:
        return "once a pass", "each pass of the loop asks for a key once: reuse is 1 - 1/passes"
    return "by data", "only a recording of the running program can tell"


def _unwrapped(cursor):
    """Without casts, parentheses and conversions, which have one expression within."""
    kinds = cindex.CursorKind
    while cursor.kind in (kinds.UNEXPOSED_EXPR, kinds.PAREN_EXPR, kinds.CSTYLE_CAST_EXPR, kinds.CXX_STATIC_CAST_EXPR,
                          kinds.CXX_FUNCTIONAL_CAST_EXPR):
        inner = [c for c in cursor.get_children() if c.kind.is_expression()]
        if len(inner) != 1:
            break
        cursor = inner[0]
    return cursor


@functools.lru_cache(maxsize=16)
def _content(path):
    with open(path, "rb") as file:
        return file.read()


def _source_text(cursor):
    """What the source says there, a macro by its name."""
    start, end = cursor.extent.start, cursor.extent.end
    if start.file is None:
        return cursor.spelling
    text = _content(start.file.name)[start.offset:end.offset].decode("utf-8", "replace")
    text = re.sub(r"\s+", " ", text)
    return text if len(text) <= 60 else text[:57] + "..."


def _arguments(call):
    return [argument for argument in call.get_arguments() if argument is not None]


class _Shaper:
    """Works out the shape of a key expression. Loop variables are known by their declarations."""

    def __init__(self, loop_variables):
        self._loop_variables = loop_variables

    def shape(self, cursor, depth=0):
        kinds = cindex.CursorKind
        cursor = _unwrapped(cursor)
        kind = cursor.kind
        if kind == kinds.STRING_LITERAL:
            return Key(re.sub(r'^[^"]*"|"$', "", cursor.spelling), frozenset())
        if kind in (kinds.INTEGER_LITERAL, kinds.FLOATING_LITERAL, kinds.CHARACTER_LITERAL,
                    kinds.CXX_BOOL_LITERAL_EXPR):
            return Key(_source_text(cursor), frozenset())
        if kind in (kinds.DECL_REF_EXPR, kinds.MEMBER_REF_EXPR):
            return self._reference(cursor, depth)
        if kind == kinds.CALL_EXPR:
            return self._call(cursor, depth)
        if kind == kinds.CXX_NEW_EXPR:
            return self._hole(cursor, {"fresh"})
        if kind == kinds.UNARY_OPERATOR and re.match(r"(\+\+|--)|.*(\+\+|--)$", _source_text(cursor)):
            return self._hole(cursor, {"fresh"})
        # Arithmetic and the like: a hole with the sources of what it is made of.
        parts = [self.shape(c, depth + 1) for c in cursor.get_children() if c.kind.is_expression()]
        sources = frozenset().union(*(part.sources for part in parts))
        if parts and not sources:
            return Key(_source_text(cursor), sources)
        return self._hole(cursor, sources - {"small"} or {"data"})

    def _hole(self, cursor, sources, keys=1):
        return Key("{" + (_source_text(cursor) or cursor.spelling or "?") + "}", frozenset(sources), keys)

    def _reference(self, cursor, depth):
        kinds = cindex.CursorKind
        declared = cursor.referenced
        if declared is None:
            return self._hole(cursor, {"data"})
        if declared.kind == kinds.ENUM_CONSTANT_DECL:
            return Key(declared.spelling, frozenset())
        if declared.hash in self._loop_variables:
            return self._hole(cursor, {"loop"})
        # A constant, or a name for a longer expression.
        if declared.kind == kinds.VAR_DECL and depth < 8:
            value_type = declared.type.get_canonical()
            if value_type.kind == cindex.TypeKind.LVALUEREFERENCE:
                value_type = value_type.get_pointee()
            if value_type.is_const_qualified():
                values = [c for c in declared.get_children() if c.kind.is_expression()]
                if values:
                    return self.shape(values[-1], depth + 1)
        return self._small(cursor) or self._hole(cursor, {"data"})

    def _small(self, cursor):
        """A hole of a type with few values."""
        value_type = cursor.type.get_canonical()
        if value_type.kind == cindex.TypeKind.BOOL:
            return self._hole(cursor, {"small"}, 2)
        if value_type.kind in (cindex.TypeKind.CHAR_S, cindex.TypeKind.UCHAR, cindex.TypeKind.SCHAR):
            return self._hole(cursor, {"small"}, 256)
        if value_type.kind == cindex.TypeKind.ENUM:
            constants = [c for c in value_type.get_declaration().get_children()
                         if c.kind == cindex.CursorKind.ENUM_CONSTANT_DECL]
            if constants:
                return self._hole(cursor, {"small"}, len(constants))
        return None

    def _call(self, cursor, depth):
        name = cursor.spelling
        arguments = _arguments(cursor)
        text_type = "basic_string" in cursor.type.get_canonical().spelling
        if name == "operator+" and text_type and len(arguments) == 2 or name in _CONCATENATING:
            return self._joined([self.shape(argument, depth + 1) for argument in arguments])
        if name in ("format", "vformat") and arguments:
            return self._format([self.shape(argument, depth + 1) for argument in arguments])
        if name in _CONVERTING:
            inner = arguments or [c for c in cursor.get_children() if c.kind.is_expression()]
            # (A string may be made with an allocator, which is not part of the key.)
            if inner:
                return self.shape(inner[0], depth + 1)
        if _FRESH.search(name) or _FRESH.search(_source_text(cursor).split("(")[0]):
            return self._hole(cursor, {"fresh"})
        if cursor.type.get_canonical().kind == cindex.TypeKind.RECORD and len(arguments) == 1 and \
                _unwrapped(arguments[0]).type.get_canonical().get_declaration() == \
                cursor.type.get_canonical().get_declaration():
            return self.shape(arguments[0], depth + 1)  # a copy
        return self._small(cursor) or self._hole(cursor, {"data"})

    @staticmethod
    def _joined(parts):
        keys = 1
        for part in parts:
            keys *= part.keys
        return Key("".join(part.template for part in parts),
                   frozenset().union(*(part.sources for part in parts)), keys)

    def _format(self, parts):
        pieces = re.split(r"\{[^{}]*\}", parts[0].template)
        if parts[0].sources or len(pieces) != len(parts):
            return self._joined(parts)
        return self._joined([Key(pieces[0], frozenset())] + [
            part for hole, piece in zip(parts[1:], pieces[1:]) for part in (hole, Key(piece, frozenset()))])


def _members(declaration, seen=None):
    """Names of methods and types of a class and its bases."""
    seen = set() if seen is None else seen
    names = set()
    # What an instance does not list is in its template, whose first declaration may be a mere one.
    template = cindex.conf.lib.clang_getSpecializedCursorTemplate(declaration)
    for cursor in (declaration, template, template and template.get_definition()):
        if not cursor or cursor.hash in seen:
            continue
        seen.add(cursor.hash)
        for child in cursor.get_children():
            names.add(child.spelling)
            if child.kind == cindex.CursorKind.CXX_BASE_SPECIFIER:
                names |= _members(child.type.get_canonical().get_declaration(), seen)
    return names


def is_map(names):
    """Whether a class with these members is one: keys to values, by the names of three families."""
    if "mapped_type" in names:
        return True
    if "Load" in names and names & {"Store", "LoadOrStore"}:
        return True
    return bool(names & {"get", "Get", "Lookup"} and names & {"put", "Put", "set", "Set", "Insert"} and
                names & {"erase", "remove", "Remove", "Delete", "contains", "Contains"})


class _File:
    """One translation unit; accesses in files of the scanned folder."""

    def __init__(self, root, unit):
        self._root = root
        self._unit = unit
        self._maps = {}  # by the hash of a class
        self._loop_variables = set()
        self._shaper = _Shaper(self._loop_variables)

    def accesses(self):
        for cursor in self._unit.cursor.get_children():
            if self._is_ours(cursor):
                yield from self._walk(cursor)

    def _is_ours(self, cursor):
        file = cursor.location.file
        return file is not None and os.path.abspath(file.name).startswith(self._root + os.sep)

    def _walk(self, cursor):
        kinds = cindex.CursorKind
        children = list(cursor.get_children())
        if cursor.kind == kinds.CXX_FOR_RANGE_STMT:
            self._loop_variables.update(c.hash for c in children if c.kind == kinds.VAR_DECL)
        if cursor.kind == kinds.FOR_STMT and children and children[0].kind == kinds.DECL_STMT:
            self._loop_variables.update(c.hash for c in children[0].get_children())
        if cursor.kind == kinds.CALL_EXPR and cursor.spelling in OPERATION:
            access = self._access(cursor)
            if access is not None:
                yield access
        for child in children:
            yield from self._walk(child)

    def _access(self, call):
        target, arguments = self._target(call)
        if target is None or not arguments or not self._is_map(target.type):
            return None
        key = self._key_argument(call.spelling, arguments)
        if key is None:
            return None
        location = call.location
        return Access(file=os.path.relpath(os.path.abspath(location.file.name), self._root), line=location.line,
                      map=re.sub(r"->$", "", _source_text(target)) or "(unnamed)",
                      operation=OPERATION[call.spelling], call=call.spelling, key=self._shaper.shape(key))

    @staticmethod
    def _target(call):
        """The object and the arguments of a method call or of an operator."""
        arguments = _arguments(call)
        if call.spelling == "operator[]":
            return (_unwrapped(arguments[0]), arguments[1:]) if len(arguments) == 2 else (None, [])
        member = next(call.get_children(), None)
        if member is not None:
            member = _unwrapped(member)
        if member is None or member.kind != cindex.CursorKind.MEMBER_REF_EXPR:
            return None, []
        target = next((c for c in member.get_children() if c.kind.is_expression()), None)
        return (_unwrapped(target) if target is not None else None), arguments

    def _is_map(self, target_type):
        target_type = target_type.get_canonical()
        if target_type.kind == cindex.TypeKind.POINTER:
            target_type = target_type.get_pointee()
        declaration = target_type.get_declaration()
        if declaration.hash not in self._maps:
            self._maps[declaration.hash] = is_map(_members(declaration))
        return self._maps[declaration.hash]

    @staticmethod
    def _key_argument(name, arguments):
        first = _unwrapped(arguments[0])
        spelling = first.type.get_canonical().spelling
        if "iterator" in spelling:
            return None  # erase(iterator): the look-up that found it counts
        if name == "insert" or name == "emplace" and len(arguments) == 1:
            # A pair, made here of the key and the value, or somewhere else.
            while first.kind == cindex.CursorKind.CALL_EXPR and len(_arguments(first)) == 1:
                first = _unwrapped(_arguments(first)[0])
            parts = _arguments(first) if first.kind == cindex.CursorKind.CALL_EXPR else [
                c for c in first.get_children() if c.kind.is_expression()]
            return parts[0] if len(parts) == 2 else first
        return first


def _compile_commands(root, path):
    """Arguments for each file, and where they were found, if there are any."""
    candidates = [path] if path else [os.path.join(root, "compile_commands.json"),
                                      os.path.join(root, "build", "compile_commands.json")]
    for candidate in candidates:
        if not os.path.exists(candidate):
            continue
        try:
            with open(candidate, encoding="utf-8") as file:
                entries = json.load(file)
            commands = {}
            for entry in entries:
                source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
                words = entry.get("arguments") or shlex.split(entry["command"])
                commands[source] = _kept(words, entry["directory"], source)
            return commands
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ScanError(f"{candidate} is not a compilation database ({error}); make it again, e.g. with "
                            "cmake -DCMAKE_EXPORT_COMPILE_COMMANDS=ON") from error
    if path:
        raise ScanError(f"{path} does not exist; name a compile_commands.json, or none")
    return {}


def _kept(words, directory, source):
    """The words of a command that matter here: not the compiler, the source and the output."""
    kept = [f"-working-directory={directory}"]
    words = iter(words[1:])
    for word in words:
        if word in ("-o", "-MF", "-MT", "-MQ"):
            next(words, None)
        elif word not in ("-c", "--", "-MD", "-MMD") and os.path.normpath(os.path.join(directory, word)) != source:
            kept.append(word)
    return kept


def _files(root):
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith((".", "bazel-")))
        found += [os.path.join(folder, name) for name in sorted(names) if name.endswith(SOURCES + HEADERS)]
    # Headers last: what a source includes is seen in it, with the source's own arguments.
    return sorted(found, key=lambda path: path.endswith(HEADERS))


def scan(root, compile_commands=None, arguments=()):
    """All accesses in the C++ files below `root`, and what was not understood, as sentences."""
    if cindex is None:
        raise ScanError("the package python3-clang-14 is not installed; run tools/bazel once, it installs it")
    _content.cache_clear()
    root = os.path.abspath(root)
    if not os.path.isdir(root):
        raise ScanError(f"{root} is not a folder; name the one that holds the sources")
    files = _files(root)
    if not files:
        raise ScanError(f"{root} holds no C++ source ({', '.join(SOURCES + HEADERS)}); name another folder")
    commands = _compile_commands(root, compile_commands)
    plain = ["-std=c++20", f"-I{root}", f"-I{os.path.join(root, 'include')}", f"-I{os.path.join(root, 'src')}"]
    index = cindex.Index.create()
    accesses = {}
    covered = set()
    notes = []
    for path in files:
        if path in covered:
            continue
        words = commands.get(path, plain) + ["-x", "c++", *arguments]
        try:
            unit = index.parse(path, args=words, options=_PARSING)
        except cindex.TranslationUnitLoadError:
            notes.append(f"{os.path.relpath(path, root)} could not be read by libclang")
            continue
        covered.update(os.path.abspath(include.include.name) for include in unit.get_includes())
        missing = sorted({m.group(1) for d in unit.diagnostics
                          if (m := re.match(r"'(.+)' file not found", d.spelling))})
        if missing:
            notes.append(f"{os.path.relpath(path, root)} includes {', '.join(missing)}, which was not found: maps of "
                         "types from there are not seen; give --compile-commands FILE or -- -I FOLDER")
        for access in _File(root, unit).accesses():
            accesses[access.file, access.line, access.map, access.call, access.key.template] = access
    return sorted(accesses.values(), key=lambda a: (a.file, a.line)), notes
