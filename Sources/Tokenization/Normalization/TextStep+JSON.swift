import StrictJSON

/// A step as a `normalizer` of `tokenizer.json`.
extension TextStep {
    private typealias Reader = TokenizerJSONReader

    static func steps(_ normalizer: JSONValue?) throws -> [TextStep] {
        let steps = try TextSplitting.steps(normalizer, "normalizers").map(TextStep.init)
        let growth = steps.reduce(1) { min($0 * $1.growth, mostGrowth + 1) }
        guard growth <= mostGrowth else { throw Reader.unsupported("normalizer", "text that becomes over \(mostGrowth) times as long") }
        return steps
    }

    private static let mostGrowth = 1 << 12

    /// How many times as long a replacement can make a text, at most.
    private var growth: Int {
        switch self {
        case .replace(let text, let content): min(1 + content.utf8.count / max(text.utf8.count, 1), TextStep.mostGrowth + 1)
        case .replaceMatches(_, let content), .replaceSpaces(let content), .prepend(let content):
            min(1 + content.utf8.count, TextStep.mostGrowth + 1)
        default: 1
        }
    }

    init(_ step: JSONValue) throws {
        let type = step["type"]?.string ?? "a normalizer without type"
        switch type {
        case "NFC": self = .compose
        case "NFD": self = .decompose
        case "NFKC": self = .composeCompatibly
        case "NFKD": self = .decomposeCompatibly
        case "Lowercase": self = .lowercase
        case "StripAccents": self = .stripMarks
        case "Strip": self = .strip(left: step["strip_left"]?.bool ?? true, right: step["strip_right"]?.bool ?? true)
        case "Prepend": self = .prepend(step["prepend"]?.string ?? "")
        case "Precompiled":
            guard let map = step["precompiled_charsmap"]?.string.flatMap(Base64.decoded) else {
                throw Reader.malformed("normalizer", "the precompiled map is no base64")
            }
            self = .mapGraphemes(try CharacterMap(map, location: "tokenizer.json: normalizer"))
        case "Replace": self = try TextStep.replacement(step)
        default: throw Reader.unsupported("normalizer", type)
        }
    }

    private static func replacement(_ step: JSONValue) throws -> TextStep {
        let content = step["content"]?.string ?? ""
        if let text = step["pattern"]?["String"]?.string, !text.isEmpty { return .replace(text, with: content) }
        switch step["pattern"]?["Regex"]?.string {
        case " {2,}": return .replaceSpaces(with: content)
        case #"\s{2,}|[\n\r\t]"# where content == " ": return .joinWhiteSpace
        case let pattern?: return .replaceMatches(try Pattern(pattern), with: content)
        case nil: throw Reader.unsupported("normalizer", "the pattern that is none")
        }
    }

    /// Nil for what tokenizer.json has no word for: SentencePiece's way with its map and with spaces.
    var json: JSONValue? {
        func replace(_ pattern: JSONValue, _ content: String) -> JSONValue {
            ["type": "Replace", "pattern": pattern, "content": .string(content)]
        }
        switch self {
        case .compose: return ["type": "NFC"]
        case .decompose: return ["type": "NFD"]
        case .composeCompatibly: return ["type": "NFKC"]
        case .decomposeCompatibly: return ["type": "NFKD"]
        case .lowercase: return ["type": "Lowercase"]
        case .stripMarks: return ["type": "StripAccents"]
        case .strip(let left, let right): return ["type": "Strip", "strip_left": .bool(left), "strip_right": .bool(right)]
        case .prepend(let text): return ["type": "Prepend", "prepend": .string(text)]
        case .mapGraphemes(let map): return ["type": "Precompiled", "precompiled_charsmap": .string(Base64.encoded(map.bytes))]
        case .replace(let text, let content): return replace(["String": .string(text)], content)
        case .replaceMatches(let pattern, let content): return replace(["Regex": .string(pattern.source)], content)
        case .replaceSpaces(let content): return replace(["Regex": " {2,}"], content)
        case .joinWhiteSpace: return replace(["Regex": #"\s{2,}|[\n\r\t]"#], " ")
        case .map, .dropExtraSpaces: return nil
        }
    }
}
