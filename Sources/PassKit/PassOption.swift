/// One option of a pass: declared once for parsing, help and printing.
public struct PassOption: Sendable {
    public enum Kind: Sendable {
        case integer(ClosedRange<Int>)
        /// A number in a range, or "auto" where `allowsAuto`.
        case number(ClosedRange<Double>, allowsAuto: Bool)
        case flag
        /// One of some words.
        case choice([String])
        /// Some of some words, joined by "+".
        case set([String])
    }

    public let name: String
    public let kind: Kind
    /// The value when none is given, as text.
    public let defaultText: String
    public let summary: String

    public init(_ name: String, _ kind: Kind, default defaultText: String, _ summary: String) {
        self.name = name
        self.kind = kind
        self.defaultText = defaultText
        self.summary = summary
    }

    /// The values it takes, for help and errors.
    public var domain: String {
        switch kind {
        case .integer(let range):
            return range.upperBound == Int.max
                ? "an integer from \(range.lowerBound)" : "an integer \(range.lowerBound)…\(range.upperBound)"
        case .number(let range, let allowsAuto):
            let bounds =
                range.upperBound.isInfinite ? "a number from \(range.lowerBound)" : "a number \(range.lowerBound)…\(range.upperBound)"
            return allowsAuto ? "auto or \(bounds)" : bounds
        case .flag: return "true or false"
        case .choice(let words): return "one of " + words.joined(separator: ", ")
        case .set(let words): return "some of " + words.joined(separator: ", ") + ", joined by +"
        }
    }

    /// Whether `text` is a value of this option.
    public func accepts(_ text: String) -> Bool {
        switch kind {
        case .integer(let range): return Int(text).map(range.contains) ?? false
        case .number(let range, let allowsAuto):
            return allowsAuto && text == "auto" || (Double(text).map { $0.isFinite && range.contains($0) } ?? false)
        case .flag: return text == "true" || text == "false"
        case .choice(let words): return words.contains(text)
        case .set(let words):
            let chosen = text.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
            return !chosen.isEmpty && chosen.allSatisfy(words.contains) && Set(chosen).count == chosen.count
        }
    }
}

/// The values of a pass's options: those given, and the defaults of the others. Every value fits its option.
public struct PassOptions {
    private let texts: [String: String]

    init(texts: [String: String]) { self.texts = texts }

    private func text(_ name: String) -> String {
        guard let text = texts[name] else { preconditionFailure("option '\(name)' was not declared") }
        return text
    }

    public func integer(_ name: String) -> Int { Int(text(name)) ?? 0 }
    public func number(_ name: String) -> Double { Double(text(name)) ?? 0 }
    /// Nil for "auto".
    public func automaticNumber(_ name: String) -> Double? { Double(text(name)) }
    public func flag(_ name: String) -> Bool { text(name) == "true" }
    public func word(_ name: String) -> String { text(name) }
    public func words(_ name: String) -> Set<String> { Set(text(name).split(separator: "+").map(String.init)) }
}
