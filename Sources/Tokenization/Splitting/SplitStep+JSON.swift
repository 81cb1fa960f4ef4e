import StrictJSON

/// A step as a `pre_tokenizer` of `tokenizer.json`.
extension SplitStep {
    private typealias Reader = TokenizerJSONReader
    private static let place = "pre_tokenizer"

    init(_ step: JSONValue) throws {
        let type = step["type"]?.string ?? "a pre-tokenizer without type"
        switch type {
        case "Split": self = .split(try SplitStep.pattern(step), try SplitStep.behavior(step), inverts: step["invert"]?.bool ?? false)
        case "Digits": self = .digits(individually: step["individual_digits"]?.bool ?? false)
        case "Punctuation": self = .punctuation(step["behavior"] == nil ? .isolated : try SplitStep.behavior(step))
        case "WhitespaceSplit": self = .whiteSpace
        case "Whitespace": self = .split(try Pattern(SplitStep.wordsAndSigns), .removed, inverts: true)
        case "ByteLevel":
            self = .byteLevel(
                addsPrefixSpace: step["add_prefix_space"]?.bool ?? true, usesPattern: step["use_regex"]?.bool ?? true)
        default: throw Reader.unsupported(SplitStep.place, type)
        }
    }

    /// The pattern of `Whitespace`, whose words have joiners in them.
    private static let wordsAndSigns = #"[\w\u200C\u200D]+|[^\w\s\u200C\u200D]+"#

    private static func pattern(_ step: JSONValue) throws -> Pattern {
        if let text = step["pattern"]?["String"]?.string { return try Pattern(literal: text) }
        guard let source = step["pattern"]?["Regex"]?.string else { throw Reader.malformed(place, "a Split without a pattern") }
        return try Pattern(source)
    }

    private static func behavior(_ step: JSONValue) throws -> Behavior {
        guard let behavior = step["behavior"]?.string.flatMap(Behavior.init(rawValue:)) else {
            throw Reader.malformed(place, "a behavior that is none of the five")
        }
        return behavior
    }

    var json: JSONValue {
        switch self {
        case .split(let pattern, let behavior, let inverts):
            let spelling: JSONValue = pattern.isLiteral ? ["String": .string(pattern.source)] : ["Regex": .string(pattern.source)]
            return ["type": "Split", "pattern": spelling, "behavior": .string(behavior.rawValue), "invert": .bool(inverts)]
        case .digits(let individually): return ["type": "Digits", "individual_digits": .bool(individually)]
        case .punctuation(let behavior): return ["type": "Punctuation", "behavior": .string(behavior.rawValue)]
        case .whiteSpace: return ["type": "WhitespaceSplit"]
        case .byteLevel(let addsPrefixSpace, let usesPattern):
            return [
                "type": "ByteLevel", "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": true, "use_regex": .bool(usesPattern),
            ]
        }
    }
}
