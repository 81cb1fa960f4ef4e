/// One of some words that are known when the program runs, as those of a plugin are.
public struct WordOption: PassOption {
    public let name: String
    public let summary: String
    public let defaultText: String
    /// In the order of the help.
    public let words: [String]

    public init(_ name: String, of words: [String], default defaultText: String, _ summary: String) {
        (self.name, self.summary, self.words, self.defaultText) = (name, summary, words, defaultText)
    }

    public var domain: String { "one of " + words.joined(separator: ", ") }
    public var requirements: [OptionRequirement] { [] }

    public func value(of text: String) -> String? { words.contains(text) ? text : nil }
}
