import StrictJSON

/// What `normalizer` and `pre_tokenizer` of a `tokenizer.json` do to text, as far as a vocabulary can say it.
struct TextSplitting {
    var replacesSpaces = false
    var normalization = Vocabulary.Normalization.none
    var spacePrefix = Vocabulary.SpacePrefix.never
    var prefixesSpace = true
    /// Whether `Metaspace` cuts text before each space.
    var splitsAtSpaces = false
    /// Set where the pre-tokenizer is `ByteLevel`.
    var preTokenizer: PreTokenizer?

    private typealias Reader = TokenizerJSONReader

    init(normalizer: JSONValue?, preTokenizer: JSONValue?) throws {
        let steps = TextSplitting.steps(preTokenizer, "pretokenizers")
        if steps.contains(where: { $0["type"]?.string == "ByteLevel" }) {
            normalization = .init(try TextStep.steps(normalizer))
            try readByteLevel(steps)
        } else {
            var others: [TextStep] = []
            for step in TextSplitting.steps(normalizer, "normalizers") { try normalize(step, &others) }
            normalization = .init(others)
            for step in steps { try split(step) }
        }
    }

    /// The steps of a `Sequence`, or the one step that this is.
    static func steps(_ value: JSONValue?, _ key: String) -> [JSONValue] {
        guard let value else { return [] }
        return value["type"]?.string == "Sequence" ? value[key]?.array ?? [] : [value]
    }

    /// Normalizers of BPE over characters: those that spell spaces, and before them others.
    private mutating func normalize(_ step: JSONValue, _ others: inout [TextStep]) throws {
        if step["type"]?.string == "Prepend", step["prepend"]?.string == "▁", !replacesSpaces {
            spacePrefix = .everySegment
        } else if step["pattern"]?["String"]?.string == " ", step["content"]?.string == "▁" {
            replacesSpaces = true
        } else if !replacesSpaces, spacePrefix == .never {
            others.append(try TextStep(step))
        } else {
            throw Reader.unsupported("normalizer", "\(step["type"]?.string ?? "a normalizer without type") after ▁ for spaces")
        }
    }

    /// Pre-tokenizers of BPE over characters.
    private mutating func split(_ step: JSONValue) throws {
        let type = step["type"]?.string ?? "a pre-tokenizer without type"
        switch type {
        case "Metaspace":
            guard step["replacement"]?.string == "▁" else { throw Reader.unsupported("pre_tokenizer.replacement", "all but ▁") }
            try readMetaspace(step)
        case "Split" where step["pattern"]?["String"]?.string == " " && replacesSpaces: break  // no spaces are left
        default: throw Reader.unsupported("pre_tokenizer", type)
        }
    }

    private mutating func readMetaspace(_ step: JSONValue) throws {
        replacesSpaces = true
        splitsAtSpaces = step["split"]?.bool ?? true
        let scheme = step["prepend_scheme"]?.string ?? (step["add_prefix_space"]?.bool == false ? "never" : "always")
        switch scheme {
        case "always": spacePrefix = .everySegment
        case "first": spacePrefix = .firstSegment
        case "never": return
        default: throw Reader.malformed("pre_tokenizer.prepend_scheme", "\"\(scheme)\" is none of always, first, never")
        }
        prefixesSpace = false
    }

    private mutating func readByteLevel(_ steps: [JSONValue]) throws {
        prefixesSpace = false
        var found: [SplitStep] = []
        for step in steps { found.append(try SplitStep(step)) }
        let places = found.indices.filter { if case .byteLevel = found[$0] { true } else { false } }
        guard places.count == 1 else { throw Reader.unsupported("pre_tokenizer", "ByteLevel twice") }
        if case .byteLevel(true, let usesPattern) = found[0] {
            // A space before the first piece is one before the text.
            spacePrefix = .everySegment
            found[0] = .byteLevel(addsPrefixSpace: false, usesPattern: usesPattern)
        }
        self.preTokenizer = PreTokenizer(steps: TextSplitting.simplified(found))
    }

    /// GPT-2's pattern before `ByteLevel` is what `ByteLevel` does by itself.
    private static func simplified(_ steps: [SplitStep]) -> [SplitStep] {
        guard steps.count == 2, case .split(let pattern, .isolated, false) = steps[0], case .byteLevel(false, _) = steps[1],
            !pattern.isLiteral, pattern.source == PreTokenizer.gpt2Pattern
        else { return steps }
        return PreTokenizer.gpt2.steps
    }
}
