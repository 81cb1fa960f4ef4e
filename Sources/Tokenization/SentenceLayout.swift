import StrictJSON

/// Where the tokens go that stand around one text, and around and between two, and the type that each token has.
public struct SentenceLayout: Sendable, Equatable {
    public enum Part: Sendable, Equatable {
        case token(Int32)
        case first
        case second
    }

    public struct Item: Sendable, Equatable {
        public let part: Part
        public let type: Int32
    }

    public let single: [Item]
    public let pair: [Item]

    /// [first] A [last], and [first] A [last] B [last] with the type 1 from B on, as BERT has it.
    init(first: Int32?, last: Int32?) {
        func token(_ id: Int32?, _ type: Int32) -> [Item] { id.map { [Item(part: .token($0), type: type)] } ?? [] }
        single = token(first, 0) + [Item(part: .first, type: 0)] + token(last, 0)
        pair = single + [Item(part: .second, type: 1)] + token(last, 1)
    }

    /// [first] A [last], and [first] A [last] [last] B [last] of one type, as RoBERTa has it.
    init(likeRobertaFirst first: Int32, last: Int32) {
        let (begin, end) = (Item(part: .token(first), type: 0), Item(part: .token(last), type: 0))
        single = [begin, Item(part: .first, type: 0), end]
        pair = single + [end, Item(part: .second, type: 0), end]
    }

    /// Of the post-processor of a tokenizer.json.
    ///
    /// - Parameter id: of a token by its name.
    /// - Returns: nil where there is none, or none that puts tokens anywhere.
    /// - Throws: `TokenizationError` for one that is malformed or not known.
    init?(postProcessor json: JSONValue?, _ id: (String) -> Int32?) throws {
        guard let json else { return nil }
        let steps = json["type"]?.string == "Sequence" ? json["processors"]?.array ?? [] : [json]
        var found: SentenceLayout?
        for step in steps {
            let type = step["type"]?.string
            if type == "ByteLevel" { continue }
            guard found == nil else {
                throw TokenizerJSONReader.unsupported("post_processor", "a second one that puts tokens around a text")
            }
            switch type {
            case "TemplateProcessing": found = try SentenceLayout(template: step, id)
            case "BertProcessing", "RobertaProcessing":
                let first = try SentenceLayout.token(step["cls"], id)
                let last = try SentenceLayout.token(step["sep"], id)
                found =
                    type == "BertProcessing"
                    ? SentenceLayout(first: first, last: last) : SentenceLayout(likeRobertaFirst: first, last: last)
            default: throw TokenizerJSONReader.unsupported("post_processor", type ?? "a post-processor without type")
            }
        }
        guard let found else { return nil }
        self = found
    }

    /// `["[CLS]", 101]`.
    private static func token(_ json: JSONValue?, _ id: (String) -> Int32?) throws -> Int32 {
        guard let name = json?.array?.first?.string, let found = id(name) else {
            throw TokenizerJSONReader.malformed("post_processor", "cls or sep is no token of the vocabulary")
        }
        return found
    }

    private init(template json: JSONValue, _ id: (String) -> Int32?) throws {
        func items(_ key: String) throws -> [Item] {
            try (json[key]?.array ?? []).flatMap { item -> [Item] in
                let body = item["Sequence"] ?? item["SpecialToken"]
                let named = body?["type_id"]
                guard let name = body?["id"]?.string, let type = named == nil ? 0 : named?.int32, (0...1).contains(type) else {
                    throw TokenizerJSONReader.malformed("post_processor.\(key)", "an item is neither a text nor a token")
                }
                guard item["Sequence"] == nil else { return [Item(part: name == "B" ? .second : .first, type: type)] }
                let ids = try json["special_tokens"]?[name]?["tokens"]?.array?.map { token in
                    try token.string.flatMap(id)
                        ?? { throw TokenizerJSONReader.malformed("post_processor", "'\(name)' is not in the vocabulary") }()
                }
                guard let ids = ids ?? id(name).map({ [$0] }) else {
                    throw TokenizerJSONReader.malformed("post_processor", "'\(name)' is not in the vocabulary")
                }
                return ids.map { Item(part: .token($0), type: type) }
            }
        }
        single = try items("single")
        pair = try items("pair")
    }
}

/// Texts as a model reads them, with the tokens that go around them.
public struct EncodedText: Sendable, Equatable {
    public let tokens: [Int32]
    public let types: [Int32]
    /// Whether tokens were left out at the end of a text to fit.
    public let isTruncated: Bool
}

extension SentenceTokenizer {
    /// One text, or two that belong together, in at most `longest` tokens: where that is too few the longer one loses its end first, as in the
    /// tokenizers library.
    public func encode(_ first: String, _ second: String? = nil, longest: Int) -> EncodedText {
        let template = second == nil ? layout.single : layout.pair
        let around = template.count { if case .token = $0.part { true } else { false } }
        let texts = [encode(sentence: first), second.map { encode(sentence: $0) } ?? []]
        let kept = PairTruncation.lengths(texts[0].count, texts[1].count, room: max(longest - around, 0), isPair: second != nil)
        var (tokens, types): ([Int32], [Int32]) = ([], [])
        for item in template {
            switch item.part {
            case .token(let id): tokens.append(id)
            case .first: tokens += texts[0].prefix(kept.first)
            case .second: tokens += texts[1].prefix(kept.second)
            }
            types += [Int32](repeating: item.type, count: tokens.count - types.count)
        }
        return EncodedText(
            tokens: tokens, types: types, isTruncated: kept.first < texts[0].count || kept.second < texts[1].count)
    }
}

/// What is kept of two texts that are too long together.
enum PairTruncation {
    /// The longer one is cut down to the room that the other leaves, and both to half where neither fits; the second has the odd token.
    static func lengths(_ first: Int, _ second: Int, room: Int, isPair: Bool) -> (first: Int, second: Int) {
        guard isPair else { return (min(first, room), 0) }
        guard first + second > room else { return (first, second) }
        var (short, long) = (min(first, second), max(first, second))
        long = short > room ? short : max(short, room - short)
        if short + long > room { (short, long) = (room / 2, room / 2 + room % 2) }
        return first > second ? (long, short) : (short, long)
    }
}
