/// The path of a file or a folder. In pipeline text it has no spaces and none of "{},=#".
public struct PathOption: PassOption {
    public let name: String
    public let summary: String
    public let defaultText: String
    public let requirements: [OptionRequirement]

    public init(_ name: String, default defaultText: String, _ summary: String, requires requirements: [OptionRequirement] = []) {
        (self.name, self.defaultText, self.summary, self.requirements) = (name, defaultText, summary, requirements)
    }

    public var domain: String { "the path of a model" }

    public func value(of text: String) -> String? { text.isEmpty ? nil : text }
}

extension OptionOrWord where Base == PathOption {
    public init(_ name: String, or word: String, _ summary: String) { self.init(PathOption(name, default: word, summary), word) }
}
