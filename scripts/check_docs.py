#!/usr/bin/env python3
"""Compares README.md, CHANGELOG.md and docs/*.md with the tree and the program.

    check_docs.py [PROGRAM]        PROGRAM: build/lockstep if not given

Checked are
  - relative links and their anchors;
  - commands, in code blocks and in inline code: subcommands of lockstep and their options
    (by --help), make targets, options of scripts;
  - names in inline code: files of the tree, config keys, functions such as `tree_share()`;
  - rows of tables that name functions and source files: a file of the row has each function;
  - the table of modules in docs/design.md: against the Makefile's BELOW_*, the folders of
    src/, and the outside headers that each module includes.

Blocks marked ```text, ```ini, ```c or ```python hold no commands; in a block in which
lines begin with `$ `, those lines alone are commands. Prints one line for each fault;
exit status 1 if there is any.
"""

import glob
import os
import re
import subprocess
import sys

PAGES = ["README.md", "CHANGELOG.md"] + sorted(glob.glob("docs/*.md"))
NO_COMMANDS = ("text", "ini", "c", "python", "make", "json", "diff")
WRAPPERS = ("scripts/launch.sh", "scripts/supervise.sh", "scripts/submit.sh")
TREE = ("src", "include", "tests", "scripts", "slurm", "configs", "docs", ".ci")
CONFIG_SECTIONS = ("data", "model", "train", "optim", "schedule", "augment", "checkpoint",
                   "log", "early_stop", "parallel", "finetune", "eval")
STANDARD_HEADERS = set("""
    arpa/inet.h assert.h ctype.h dirent.h endian.h errno.h fcntl.h float.h fnmatch.h ifaddrs.h
    inttypes.h limits.h malloc.h math.h net/if.h netinet/in.h poll.h pthread.h regex.h sched.h
    setjmp.h signal.h spawn.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h
    stdio.h stdlib.h string.h strings.h time.h unistd.h""".split())

faults = []


def fault(page, line, text):
    faults.append(f"{page}:{line}: {text}")


# --- a page: its code, its links, its headings ---


class Page:
    def __init__(self, path):
        self.path = path
        self.commands = []  # (line, text): one command line, continuations joined
        self.codes = []  # (line, text): inline code
        self.links = []  # (line, target)
        self.anchors = set()
        self.rows = []  # (line, cells) of tables
        block, prose = None, []
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                line = line.rstrip("\n")
                fence = re.match(r"\s*```(\w*)", line)
                if fence and block is None:
                    self.take_prose(prose)
                    block, language, prose = [], fence[1], []
                elif fence:
                    if language not in NO_COMMANDS:
                        self.take_block(block)
                    block = None
                elif block is not None:
                    block.append((number, line))
                else:
                    prose.append((number, line))
        if block is not None:
            fault(path, number, "a code block without an end")
        self.take_prose(prose)

    def take_block(self, lines):
        prompts = any(line.lstrip().startswith("$ ") for _, line in lines)
        joined, going_on = [], False
        for number, line in lines:
            text = line.strip()
            if going_on:
                joined[-1][1] += " " + text.rstrip("\\")
            elif text.startswith("$ "):
                joined.append([number, text[2:].rstrip("\\")])
            elif not prompts:
                joined.append([number, text.rstrip("\\")])
            else:
                continue
            going_on = text.endswith("\\")
        self.commands += [(number, text) for number, text in joined]

    def take_prose(self, lines):
        # Inline code and links may go on over a line's end, never over an empty line.
        text, numbers = "", []
        for number, line in lines + [(0, "")]:
            if line.strip():
                heading = re.match(r"#+ +(.*)", line)
                if heading:
                    self.add_anchor(heading[1])
                if line.startswith("|"):
                    self.rows.append((number, [c.strip() for c in line.strip("|").split("|")]))
                text += line + "\n"
                numbers += [number] * (len(line) + 1)
                continue
            for match in re.finditer(r"`([^`]+)`", text):
                self.codes.append((numbers[match.start()], " ".join(match[1].split())))
            without = re.sub(r"`[^`]+`", lambda m: "x" * len(m[0]), text)
            for match in re.finditer(r"\]\(([^)\s]+)\)", without):
                self.links.append((numbers[match.start()], match[1]))
            text, numbers = "", []

    def add_anchor(self, heading):
        """The name that GitHub gives a heading."""
        name = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", name).replace(" ", "-")
        unique, count = name, 0
        while unique in self.anchors:
            count += 1
            unique = f"{name}-{count}"
        self.anchors.add(unique)


# --- links ---


def check_links(pages):
    for page in pages.values():
        for line, target in page.links:
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            where = os.path.normpath(os.path.join(os.path.dirname(page.path), path))
            if path and not os.path.exists(where):
                fault(page.path, line, f"link to '{target}': no such file")
            elif anchor:
                other = pages.get(where) if path else page
                if not other or anchor not in other.anchors:
                    fault(page.path, line, f"link to '{target}': no such heading")


# --- commands ---


class Program:
    def __init__(self, path):
        self.path = path
        self.helps = {}

    def help(self, words):
        if words not in self.helps:
            done = subprocess.run([self.path, *words, "--help"], capture_output=True,
                                  text=True, stdin=subprocess.DEVNULL, check=False)
            self.helps[words] = done.stdout if done.returncode == 0 else None
        return self.helps[words]

    def find(self, words):
        """The longest subcommand that words begin with, None if there is none."""
        found = None
        for n in (1, 2):
            if len(words) >= n and re.fullmatch(r"[a-z][a-z-]*", words[n - 1]):
                text = self.help(tuple(words[:n]))
                if text and text.lower().startswith(f"usage: lockstep {' '.join(words[:n])}"):
                    found = tuple(words[:n])
        return found

    def keys(self):
        section, keys = "", set()
        for line in self.help(("train",)).splitlines():
            heading = re.match(r"(?:Config keys in|\s+)\s*\[(\w+)\]", line)
            key = re.match(r" {2}([a-z_0-9]+)(?: =|\s{2,})", line)
            if heading:
                section = heading[1]
            elif section and key:
                keys.add(f"{section}.{key[1]}")
        return keys


def make_targets():
    with open("Makefile", encoding="utf-8") as file:
        text = file.read()
    return set(re.findall(r"^([a-z][a-z-]*%?):", text, re.M))


def is_placeholder(word):
    return re.fullmatch(r"[A-Z][A-Z_]*(\.\.\.)?|\.\.\.", word) is not None


def check_lockstep(page, line, words, program):
    if not words or is_placeholder(words[0]) or words[0] in ("--help", "--version"):
        return
    command = program.find(words)
    if not command:
        fault(page, line, f"'lockstep {words[0]}': no such command")
        return
    known = program.help(command)
    rest = words[len(command):]
    if re.search(r"^commands:", known, re.M | re.I) and rest and not is_placeholder(rest[0]):
        if rest[0] != "--help":
            fault(page, line, f"'lockstep {command[0]} {rest[0]}': no such command")
        return
    for word in words:
        option = re.match(r"--[a-z][a-z-]*", word)
        if option and option[0] != "--help" and f"  {option[0]} " not in known:
            fault(page, line, f"'lockstep {' '.join(command)}' has no option {option[0]}")


def check_make(page, line, words, targets):
    for word in words:
        if "=" in word or word.startswith("-") or is_placeholder(word):
            continue
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            return
        if word not in targets and not (word.startswith("test-") and "test-%" in targets):
            fault(page, line, f"'make {word}': no such target")


def check_script(page, line, script, words):
    if not os.path.exists(script):
        fault(page, line, f"'{script}': no such file")
        return
    with open(script, encoding="utf-8") as file:
        text = file.read()
    for word in words:
        if word == "--" or word.startswith("build/lockstep"):
            return
        option = re.match(r"--[a-z][a-z-]*", word)
        if option and script != "scripts/launch.sh" and option[0] not in text:
            fault(page, line, f"'{script}' has no option {option[0]}")


def check_command(page, line, text, program, targets):
    """One line of a shell: what begins with a program that is ours is looked at."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "QUOTED", text)
    text = re.sub(r"\s#.*", "", text)
    for part in re.split(r" \| | && | \|\| |; ", text):
        words = re.sub(r"[\[\]]", " ", part).split()
        while words and (re.fullmatch(r"[A-Z_]+=\S*", words[0]) or words[0] == "sudo"):
            words = words[1:]
        if not words:
            continue
        first = words[0]
        if first == "make":
            check_make(page, line, words[1:], targets)
        elif re.match(r"(scripts|tests|slurm|\.ci)/", first):
            check_script(page, line, first, words[1:])
        elif first in ("source", "sbatch", "python3", "man"):
            for word in words[1:]:
                if re.match(r"(scripts|tests|slurm)/", word):
                    check_script(page, line, word, [])
        elif first not in ("mpirun", "srun") and os.path.basename(first) != "lockstep":
            continue
        for i, word in enumerate(words):
            if os.path.basename(word) == "lockstep" and first not in ("man", "make"):
                check_lockstep(page, line, words[i + 1:], program)
            if re.match(r"configs/[\w.-]+\.conf$", word) and not os.path.exists(word):
                fault(page, line, f"'{word}': no such file")
        if first == "scripts/submit.sh" and "--" in words:
            check_lockstep(page, line, ["train"] + words[words.index("--") + 1:], program)


# --- names in inline code ---


def identifiers():
    names = set()
    for pattern in ("src/**/*.[ch]", "include/**/*.[ch]", "tests/**/*.[ch]"):
        for path in glob.glob(pattern, recursive=True):
            with open(path, encoding="utf-8") as file:
                names.update(re.findall(r"\b[a-zA-Z_]\w*\b", file.read()))
    return names


def check_names(page, program, known):
    keys = program.keys()
    for line, code in page.codes:
        key = re.match(r"(\w+)\.(\w+)( *=.*)?$", code)
        function = re.fullmatch(r"(\w+)\(\)|struct (\w+)|enum (\w+)", code)
        if key and key[1] in CONFIG_SECTIONS and f"{key[1]}.{key[2]}" not in keys:
            if key[2] not in ("bats", "c", "h", "h5", "md", "sbatch", "txt"):
                fault(page.path, line, f"'{code}': no such config key")
        elif function:
            name = function[1] or function[2] or function[3]
            if name not in known and not name.startswith("noun"):
                fault(page.path, line, f"'{code}' is not in the sources")
        elif re.match(rf"({'|'.join(map(re.escape, TREE))})/\S*$", code):
            path = re.sub(r"\{.*|[A-Z]{3,}.*|:.*", "*", code)
            if not glob.glob(path.rstrip("/")):
                fault(page.path, line, f"'{code}': no such file")


def check_homes(page):
    """In a row of a table, each `function()` is defined in one of the row's files."""
    for line, cells in page.rows:
        codes = [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]
        functions = [code[:-2] for code in codes if re.fullmatch(r"\w+\(\)", code)]
        texts = []
        for pattern in codes:
            if re.match(r"(src|include)/\S+\.[ch]$", pattern):
                for path in glob.glob(pattern):
                    with open(path, encoding="utf-8") as file:
                        texts.append(file.read())
        for name in functions if texts else ():
            head = rf"^[a-z][^;={{}}]*\b{name}\([^;]*?\)\n?{{"
            if not any(re.search(head, text, re.M) for text in texts):
                fault(page.path, line, f"'{name}()' is not defined in the files of its row")


def check_set_keys(page, program):
    keys = program.keys()
    for line, text in page.commands + page.codes:
        for key in re.findall(r"--(?:set|sweep)[ =]'?(\w+\.\w+)", text):
            if key not in keys and key not in ("section.key", "model.name"):
                fault(page.path, line, f"'{key}': no such config key")


# --- the table of modules in docs/design.md ---


def modules_of_makefile():
    below, levels = {}, []
    with open("Makefile", encoding="utf-8") as file:
        for line in file:
            if line.startswith("LEVELS :="):
                levels = line.split(":=")[1].split()
            match = re.match(r"BELOW_(\w+) *:= *(.*)", line)
            if match:
                below[match[1]] = set(match[2].split()) - {match[1]}
    return levels, below


def folders_of(module):
    return {path.rstrip("/") for path in [f"src/{module}"] + glob.glob(f"src/{module}/*/")}


def outside_headers(module):
    headers = set()
    for path in (glob.glob(f"src/{module}/**/*.[ch]", recursive=True) +
                 glob.glob(f"include/{module}/**/*.h", recursive=True)):
        with open(path, encoding="utf-8") as file:
            headers.update(re.findall(r"^\s*#\s*include\s*<([^>]+)>", file.read(), re.M))
    return {h for h in headers if h not in STANDARD_HEADERS and not h.startswith("sys/")}


def check_modules(page):
    levels, below = modules_of_makefile()
    seen = []
    for line, cells in page.rows:
        names = [set(re.findall(r"`<?([^`>]+)>?`", cell)) for cell in cells]
        if len(cells) < 5 or len(names[0]) != 1 or not names[0] <= set(levels):
            continue
        module = names[0].pop()
        seen.append(module)
        for what, told, true in (
                ("folders", {n.rstrip("/") for n in names[1]}, folders_of(module)),
                ("may include", names[2], below.get(module, set())),
                ("outside headers", names[3], outside_headers(module))):
            if told != true:
                fault(page.path, line, f"{module}: {what}: the table says "
                      f"{' '.join(sorted(told)) or 'none'}, the tree "
                      f"{' '.join(sorted(true)) or 'none'}")
    if seen != levels:
        fault(page.path, 1, f"the table of modules has {' '.join(seen) or 'no rows'}, the "
              f"Makefile {' '.join(levels)}")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    program = Program(sys.argv[1] if len(sys.argv) > 1 else "build/lockstep")
    if not program.help(("train",)):
        sys.exit(f"check_docs: '{program.path} train --help' fails")
    pages = {path: Page(path) for path in PAGES if os.path.exists(path)}
    known, targets = identifiers(), make_targets()
    check_links(pages)
    for page in pages.values():
        commands = page.commands + [(line, code) for line, code in page.codes if " " in code]
        for line, text in commands:
            check_command(page.path, line, text, program, targets)
        check_set_keys(page, program)
        check_names(page, program, known)
        check_homes(page)
    if "docs/design.md" in pages:
        check_modules(pages["docs/design.md"])
    with open("README.md", encoding="utf-8") as file:
        lines = len(file.readlines())
    if lines > 200:
        fault("README.md", lines, f"{lines} lines; 200 are the limit")
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
