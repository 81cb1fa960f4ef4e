/// A value of another option, or one word in its place, mostly by default: "auto" where the pass finds a value, "none" where there is none.
public struct OptionOrWord<Base: PassOption>: PassOption {
    private let base: Base
    private let word: String
    public let defaultText: String

    init(_ base: Base, _ word: String) { (self.base, self.word, defaultText) = (base, word, word) }

    /// By default the value that the other option has by default.
    public init(_ base: Base, or word: String) { (self.base, self.word, defaultText) = (base, word, base.defaultText) }

    public var name: String { base.name }
    public var summary: String { base.summary }
    public var domain: String { "\(word) or \(base.domain)" }
    public var requirements: [OptionRequirement] { base.requirements }

    /// Nil in the result for the word.
    public func value(of text: String) -> Base.Value?? {
        if text == word { return .some(nil) }
        return base.value(of: text).map { .some($0) }
    }
}

extension OptionOrWord where Base == IntegerOption {
    public init(
        _ name: String, in range: ClosedRange<Int>, or word: String, _ summary: String, requires requirements: [OptionRequirement] = []
    ) {
        self.init(IntegerOption(name, in: range, default: range.lowerBound, summary, requires: requirements), word)
    }
}

extension OptionOrWord where Base == NumberOption {
    public init(
        _ name: String, in range: ClosedRange<Double>, or word: String, _ summary: String, requires requirements: [OptionRequirement] = []
    ) {
        self.init(NumberOption(name, in: range, default: range.lowerBound, summary, requires: requirements), word)
    }
}

extension OptionRequirement {
    /// Another option has its word, and no value.
    public static func isWord<Base>(_ option: OptionOrWord<Base>) -> OptionRequirement {
        OptionRequirement("no \(option.name)=", deciding: [option]) { $0[option] == nil }
    }
}
