#!/usr/bin/env python3
"""The manual, made of the program's own declarations.

    caplet --experimental-dump-help | manual.py man [VERSION]       # caplet.1
    caplet --experimental-dump-help | manual.py markdown > docs/commands.md

Reads JSON from standard input, and prints.
"""

import json
import re
import sys


def spelled(argument):
    """An option's names with its value, or an argument in angle brackets."""
    value = argument.get("valueName", "")
    if argument["kind"] == "positional":
        text = f"<{value}>"
    else:
        names = [("--" if name["kind"] == "long" else "-") + name["name"] for name in argument["names"]]
        text = ", ".join(sorted(names, key=len)) + (f" <{value}>" if argument["kind"] == "option" else "")
    return text + (" ..." if argument["isRepeating"] else "")


def described(argument):
    text = argument.get("abstract", "")
    if argument.get("discussion"):
        text += " " + argument["discussion"]
    values = argument.get("allValues") or []
    if values and not all(value in text for value in values):
        text += f" One of {', '.join(values)}."
    if argument.get("defaultValue") and argument["kind"] != "flag":
        text += f" The default is {argument['defaultValue']}."
    return " ".join(text.split())


def shown(arguments):
    return [argument for argument in arguments if argument.get("shouldDisplay", True)]


def synopsis(names, arguments):
    words = [" ".join(names)]
    for argument in shown(arguments):
        if argument["kind"] == "positional":
            words.append(f"[{spelled(argument)}]" if argument["isOptional"] else spelled(argument))
        elif not argument["isOptional"]:
            words.append(spelled(argument))
    return " ".join(words + ["[options]"])


def own(command, shared):
    """Arguments that not every verb has."""
    return [argument for argument in shown(command.get("arguments", [])) if spelled(argument) not in shared]


def paragraphs(text):
    """Paragraphs as (is it lines to type, text)."""
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.split("\n")
        is_code = all(line.strip().startswith("caplet ") or line.startswith("    ") for line in lines)
        yield is_code, "\n".join(line.strip() for line in lines) if is_code else " ".join(block.split())


def roff(text):
    """Text that is no request: no line begins with a dot or an apostrophe, hyphens and backslashes are themselves."""
    return "\n".join(("\\&" if line[:1] in (".", "'") else "") + line for line in text.replace("\\", "\\e").replace("-", "\\-").split("\n"))


def man(root, verbs, shared, version):
    out = [f'.TH CAPLET 1 "" "caplet {version}" "User Commands"', ".SH NAME", roff(f"caplet - {root['abstract']}"), ".SH SYNOPSIS",
           ".B caplet", roff("<verb> [arguments] [options]"), ".SH DESCRIPTION"]
    out += man_text(root.get("discussion", ""))
    out.append(".SH OPTIONS OF EVERY VERB")
    out += man_arguments(argument for argument in shown(verbs[0]["arguments"]) if spelled(argument) in shared)
    for verb in verbs:
        name = verb["commandName"]
        out += [".SH " + roff(name.upper()), ".B " + roff(synopsis(["caplet", name], verb.get("arguments", []))), ".PP", roff(verb.get("abstract", ""))]
        out += man_text(verb.get("discussion", ""))
        out += man_arguments(own(verb, shared))
    return "\n".join(out) + "\n"


def man_text(text):
    for is_code, paragraph in paragraphs(text) if text else ():
        yield from [".PP", ".nf", ".RS", roff(paragraph), ".RE", ".fi"] if is_code else [".PP", roff(paragraph)]


def man_arguments(arguments):
    for argument in arguments:
        yield from [".TP", ".B " + roff(spelled(argument)), roff(described(argument))]


def markdown(root, verbs, shared):
    out = ["# Commands", "", "Made by `docs/manual.py` of what `caplet --experimental-dump-help` says: `caplet help VERB` says the same.", "",
           root["abstract"], ""]
    out += ["## Options of every verb", ""] + table(argument for argument in shown(verbs[0]["arguments"]) if spelled(argument) in shared)
    for verb in verbs:
        name = verb["commandName"]
        out += [f"## {name}", "", verb.get("abstract", ""), "", f"    {synopsis(['caplet', name], verb.get('arguments', []))}", ""]
        for is_code, paragraph in paragraphs(verb.get("discussion", "")) if verb.get("discussion") else ():
            out += ["\n".join("    " + line for line in paragraph.split("\n")) if is_code else paragraph.replace("*", "\\*").replace("_", "\\_"), ""]
        out += table(own(verb, shared))
    return "\n".join(out).rstrip() + "\n"


def table(arguments):
    rows = [f"| `{spelled(argument)}` | {described(argument).replace('|', chr(92) + '|')} |" for argument in arguments]
    return (["| | |", "|---|---|"] + rows + [""]) if rows else []


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in ("man", "markdown"):
        sys.exit(__doc__.strip())
    root = json.load(sys.stdin)["command"]
    verbs = [command for command in root["subcommands"] if command["commandName"] != "help"]
    sets = [{spelled(argument) for argument in shown(verb.get("arguments", []))} for verb in verbs]
    shared = set.intersection(*sets)
    if sys.argv[1] == "man":
        print(man(root, verbs, shared, sys.argv[2] if len(sys.argv) > 2 else ""), end="")
    else:
        print(markdown(root, verbs, shared), end="")


if __name__ == "__main__":
    main()
