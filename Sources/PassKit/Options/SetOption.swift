/// Some of some words, joined by "+": at least one, none twice.
public struct SetOption<Member: OptionWord>: PassOption {
    public let name: String
    public let summary: String
    public let defaultText: String
    public let requirements: [OptionRequirement]

    public init(_ name: String, default value: Member, _ summary: String, requires requirements: [OptionRequirement] = []) {
        (self.name, self.summary, self.requirements) = (name, summary, requirements)
        defaultText = value.rawValue
    }

    public var domain: String { "some of " + Member.allCases.map(\.rawValue).joined(separator: ", ") + ", joined by +" }

    public func value(of text: String) -> Set<Member>? {
        let words = text.split(separator: "+", omittingEmptySubsequences: false)
        let members = Set(words.compactMap { Member(rawValue: String($0)) })
        return members.count == words.count ? members : nil
    }
}

extension Set where Element: OptionWord {
    /// As pipeline text has it, in the order of the words.
    public var text: String { map(\.rawValue).sorted().joined(separator: "+") }
}
