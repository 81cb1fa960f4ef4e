import ArgumentParser

/// Names what is mistyped among arguments, with the nearest verb or option, before anything that follows from it.
struct ArgumentHints {
    let arguments: [String]

    private var verbs: [ParsableCommand.Type] { CapletCommand.configuration.subcommands }
    private var names: [String] { verbs.map(ArgumentHints.name) + ["help"] }

    /// A line about a verb that is none, also after `help`; nil for a known one.
    var unknownVerb: String? {
        var words = arguments[...]
        if words.first == "help" { words.removeFirst() }
        guard let word = words.first, !word.hasPrefix("-"), !names.contains(word) else { return nil }
        return "unknown verb '\(word)'" + ArgumentHints.question(EditDistance.nearest(to: word, among: names))
    }

    /// A line about the first option that the verb does not have; nil where it has them all.
    var unknownOption: String? {
        guard let verb = verbs.first(where: { ArgumentHints.name($0) == arguments.first }) else { return nil }
        let known = ArgumentHints.options(of: verb)
        var isValue = false
        for argument in arguments.dropFirst() {
            if argument == "--" { return nil }
            defer { isValue = !isValue && known[argument] == true }
            guard !isValue, argument.hasPrefix("--"), let name = argument.split(separator: "=").first.map(String.init), known[name] == nil
            else { continue }
            return "unknown option '\(name)'" + ArgumentHints.question(EditDistance.nearest(to: name, among: known.keys.sorted()))
        }
        return nil
    }

    /// The options of a verb as its help lists them, with whether they take a value.
    static func options(of verb: ParsableCommand.Type) -> [String: Bool] {
        var options: [String: Bool] = [:]
        for line in CapletCommand.helpMessage(for: verb, includeHidden: true, columns: 1000).split(separator: "\n") {
            guard line.hasPrefix("  -") else { continue }
            let words = line.split { $0 == " " || $0 == "," || $0 == "/" }
            let names = words.prefix { $0.hasPrefix("-") }
            let takesValue = words.dropFirst(names.count).first?.hasPrefix("<") == true
            for name in names { options[String(name)] = takesValue }
        }
        return options
    }

    private static func name(_ verb: ParsableCommand.Type) -> String { verb.configuration.commandName ?? "" }

    private static func question(_ nearest: String?) -> String { nearest.map { "; did you mean '\($0)'?" } ?? "" }
}
