/// True or false.
public struct FlagOption: PassOption {
    public let name: String
    public let summary: String
    public let defaultText: String
    public let requirements: [OptionRequirement]

    public init(_ name: String, default value: Bool, _ summary: String, requires requirements: [OptionRequirement] = []) {
        (self.name, self.summary, self.requirements) = (name, summary, requirements)
        defaultText = "\(value)"
    }

    public var domain: String { "true or false" }

    public func value(of text: String) -> Bool? { Bool(text) }
}
