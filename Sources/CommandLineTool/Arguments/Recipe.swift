import Caplet
import Yams

/// Options of a verb in a file of YAML, or of JSON, which YAML can be read as: `--recipe FILE`.
///
/// Its keys are the verb's long options: a number or text for an option with a value, true for a flag, a list for an option that may be given more
/// than once. `pipeline` is text, or a list of passes, each as text or with a mapping of its options. Of a file with a mapping under
/// `recipe`, as `--report` writes it, that is the recipe. What stands on the command line itself goes before.
struct Recipe {
    /// Option by option, as on a command line.
    private let settings: [(name: String, words: [String])]

    /// A report has lines for every tensor, and is read for its recipe too.
    private static let mostBytes = 256 << 20
    /// Of lists of all options together: what aliases of YAML unfold to is bounded by it.
    private static let mostWords = 10_000
    /// What is said of one run, and not of a result.
    private static let refused = ["recipe", "output", "report", "force", "dry-run", "help", "version"]
    /// Aims of `compress`: one that is given on the command line stands for all of them.
    private static let aims: Set<String> = [
        "keep", "size", "bits-per-weight", "max-loss-increase", "lossless", "pipeline", "pipeline-file",
    ]

    /// - Parameters:
    ///   - known: the verb's options, with whether they take a value.
    /// - Throws: `UsageError` with the place of what is no recipe; `FileAccessError`.
    init(path: String, verb: String, known: [String: Bool]) throws {
        let file = try MappedFile(path: path)
        guard file.byteCount <= Recipe.mostBytes else {
            throw UsageError("\(path): has \(file.byteCount) bytes, where recipes have at most \(Recipe.mostBytes)", .malformedInput)
        }
        let text = file.withBytes { String(validating: $0, as: UTF8.self) }
        guard let text else { throw UsageError("\(path): is not UTF-8 text", .malformedInput) }
        func malformed(_ node: Node?, _ what: String) -> UsageError {
            UsageError("\(path): \(node?.mark.map { "line \($0.line): " } ?? "")\(what)", .malformedInput)
        }
        var root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw UsageError("\(path): is no YAML: \(Recipe.line(error))", .malformedInput)
        }
        if let recipe = root?.mapping?["recipe"] { root = recipe }
        guard let options = root?.mapping else { throw malformed(root, "a mapping of options to values is expected") }
        var (settings, count) = ([(name: String, words: [String])](), 0)
        for (key, value) in options {
            guard let name = key.scalar?.string else { throw malformed(key, "the name of an option is expected") }
            guard let takesValue = known["--\(name)"], !Recipe.refused.contains(name) else {
                let names = known.keys.filter { $0.hasPrefix("--") }.map { String($0.dropFirst(2)) }.filter { !Recipe.refused.contains($0) }
                let hint = EditDistance.nearest(to: name, among: names.sorted()).map { "; did you mean '\($0)'?" } ?? ""
                throw malformed(key, "'\(name)' is no option of \(verb) that a recipe has\(hint)")
            }
            guard !settings.contains(where: { $0.name == name }) else { throw malformed(key, "'\(name)' is given twice") }
            var words: [String] = []
            if !takesValue {
                guard let isOn = value.bool else { throw malformed(value, "'\(name)' is true or false") }
                if isOn { words.append("--\(name)") }
            } else if name == "pipeline", let passes = value.sequence {
                words += ["--\(name)", try passes.map { try Recipe.pass($0, malformed) }.joined(separator: ",")]
            } else {
                for item in value.sequence.map(Array.init) ?? [value] {
                    guard let text = item.scalar?.string, item.null == nil else {
                        throw malformed(item, "'\(name)' takes text or a number")
                    }
                    words.append("--\(name)=\(text)")
                }
            }
            count += words.count
            guard count <= Recipe.mostWords else { throw malformed(value, "there are more than \(Recipe.mostWords) values") }
            settings.append((name, words))
        }
        self.settings = settings
    }

    /// A pass with its options as pipeline text.
    private static func pass(_ node: Node, _ malformed: (Node?, String) -> UsageError) throws -> String {
        if let text = node.scalar?.string { return text }
        guard let mapping = node.mapping, mapping.count == 1, let (name, options) = mapping.first, let name = name.scalar?.string else {
            throw malformed(node, "a pass is text, or its name with a mapping of its options")
        }
        if options.null != nil { return name }
        guard let options = options.mapping else { throw malformed(options, "the options of '\(name)' are a mapping") }
        let settings = try options.map { key, value in
            guard let option = key.scalar?.string, let text = value.scalar?.string else {
                throw malformed(key, "an option of '\(name)' takes text or a number")
            }
            guard !text.isEmpty, !text.contains(where: { $0.isWhitespace || "{},=#".contains($0) }) else {
                throw malformed(value, "'\(text)' is no value of an option of '\(name)'")
            }
            return "\(option)=\(text)"
        }
        return settings.isEmpty ? name : "\(name){\(settings.joined(separator: " "))}"
    }

    /// The parser's error in one line.
    private static func line(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            return "line \(mark.line): \(problem)"
        case .duplicatedKeysInMapping(let duplicates, _):
            return "keys are given twice: \(duplicates.map(\.description).joined(separator: ", "))"
        default:
            // It quotes what it met.
            let text = String(describing: error).unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : String($0) }.joined()
            return text.split(separator: " ").joined(separator: " ")
        }
    }

    /// The arguments with those of the recipe that they name put behind the verb, where the options do not stand among them.
    ///
    /// - Parameter arguments: of the program, the verb first.
    /// - Returns: `arguments` where they name no recipe, or a verb that takes none.
    static func expanded(_ arguments: [String]) throws -> [String] {
        guard let path = value(of: "--recipe", among: arguments),
            let verb = CapletCommand.configuration.subcommands.first(where: { $0.configuration.commandName == arguments.first })
        else { return arguments }
        let known = ArgumentHints.options(of: verb)
        guard known["--recipe"] == true else { return arguments }
        let recipe = try Recipe(path: path, verb: arguments[0], known: known)
        let given = Set(arguments.filter { $0.hasPrefix("--") }.map { String($0.dropFirst(2).prefix { $0 != "=" }) })
        let saysAim = !given.isDisjoint(with: aims)
        let added = recipe.settings.filter { !given.contains($0.name) && !(saysAim && aims.contains($0.name)) }
        return [arguments[0]] + added.flatMap(\.words) + arguments.dropFirst()
    }

    /// The last value of an option; nil where it is not there.
    private static func value(of option: String, among arguments: [String]) -> String? {
        var found: String?
        for (index, argument) in arguments.enumerated() {
            if argument == "--" { break }
            if argument == option, index + 1 < arguments.count { found = arguments[index + 1] }
            if argument.hasPrefix(option + "=") { found = String(argument.dropFirst(option.count + 1)) }
        }
        return found
    }
}
