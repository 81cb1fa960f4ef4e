/// Parses the part of Oniguruma's syntax that tokenizers write their splits in; what lies outside is refused by name.
struct PatternParser {
    /// What the parser does not take, and why.
    struct Refusal: Error { let reason: String }

    static let deepestGroup = 32
    static let longestPattern = 1 << 14
    static let mostRepetitions = 1000

    let scalars: [Unicode.Scalar]
    var position = 0
    private var depth = 0
    var ignoresCase = false

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    mutating func take() throws -> Unicode.Scalar {
        guard let scalar = next else { throw Refusal(reason: "it ends too early") }
        position += 1
        return scalar
    }

    mutating func take(_ text: String) -> Bool {
        guard scalars[position...].starts(with: text.unicodeScalars) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    static func parse(_ text: String) throws -> PatternNode {
        guard text.utf8.count <= longestPattern else { throw Refusal(reason: "it is longer than \(longestPattern) bytes") }
        var parser = PatternParser(text)
        let node = try parser.alternatives()
        guard parser.next == nil else { throw Refusal(reason: "an unmatched )") }
        return node
    }

    private mutating func alternatives() throws -> PatternNode {
        let outer = ignoresCase
        defer { ignoresCase = outer }
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence() throws -> PatternNode {
        var parts: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            guard let part = try atom() else { continue }
            parts.append(try quantified(part))
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    /// One character, class, group or anchor; nil for a switch of options that holds from here on.
    private mutating func atom() throws -> PatternNode? {
        let scalar = try take()
        switch scalar {
        case "(": return try group()
        case "[": return .set(try characterClass())
        case ".": return .set(ScalarSet([0x0A...0x0A], isNegated: true))
        case "^": return .anchor(.lineStart)
        case "$": return .anchor(.lineEnd)
        case "\\": return try escape()
        case "?", "*", "+": throw Refusal(reason: "a quantifier with nothing before it")
        default: return .set(literal(scalar))
        }
    }

    func literal(_ scalar: Unicode.Scalar) -> ScalarSet { ScalarSet([scalar.value...scalar.value], ignoresCase: ignoresCase) }

    private mutating func group() throws -> PatternNode? {
        depth += 1
        defer { depth -= 1 }
        guard depth <= PatternParser.deepestGroup else { throw Refusal(reason: "groups deeper than \(PatternParser.deepestGroup)") }
        let outer = ignoresCase
        var kind: PatternNode.Group?
        if take("?") {
            switch try take() {
            case ":": break
            case "=": kind = .ahead
            case "!": kind = .notAhead
            case ">": kind = .atomic
            case "i":
                ignoresCase = true
                if take(")") { return nil }
                guard take(":") else { throw Refusal(reason: "an option beside (?i)") }
            case let other: throw Refusal(reason: "the group (?\(other)")
            }
        }
        let body = try alternatives()
        ignoresCase = outer
        guard take(")") else { throw Refusal(reason: "a ( without )") }
        return kind.map { .group($0, body) } ?? body
    }

    private mutating func quantified(_ part: PatternNode) throws -> PatternNode {
        var part = part
        var quantifiers = 0
        while let (count, isInterval) = try count() {
            quantifiers += 1
            guard quantifiers <= 2 else { throw Refusal(reason: "three quantifiers in a row") }
            if case .anchor = part { throw Refusal(reason: "a repeated anchor") }
            var kind = PatternNode.Repetition.greedy
            if !isInterval, take("+") {
                kind = .possessive
            } else if take("?") {
                guard count.lowerBound != count.upperBound else { throw Refusal(reason: "{n}?") }
                kind = .lazy
            }
            if count.upperBound == .max, part.canBeEmpty { throw Refusal(reason: "a repetition without end of what may be empty") }
            part = .repeated(part, count, kind)
        }
        return part
    }

    /// `?`, `*`, `+` or an interval in braces; braces that are none stand for themselves.
    private mutating func count() throws -> (ClosedRange<Int>, isInterval: Bool)? {
        if take("?") { return (0...1, false) }
        if take("*") { return (0...Int.max, false) }
        if take("+") { return (1...Int.max, false) }
        let start = position
        guard take("{") else { return nil }
        let low = number()
        var high = low
        if take(",") { high = number() ?? (low == nil ? nil : Int.max) }
        guard take("}"), let high else {
            position = start
            if next == "{", start > 0 { throw Refusal(reason: "a { that is no interval") }
            return nil
        }
        let least = low ?? 0
        guard least <= high, least <= PatternParser.mostRepetitions, high == .max || high <= PatternParser.mostRepetitions else {
            throw Refusal(reason: "an interval that is not within 0 to \(PatternParser.mostRepetitions)")
        }
        return (least...high, true)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = next, ("0"..."9").contains(scalar), value ?? 0 < 1 << 20 {
            value = (value ?? 0) * 10 + Int(scalar.value - 0x30)
            position += 1
        }
        return value
    }
}
