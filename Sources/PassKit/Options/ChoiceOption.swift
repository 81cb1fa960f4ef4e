/// The words of an option: the cases of an enumeration, in the order of the help.
public typealias OptionWord = CaseIterable & Hashable & RawRepresentable<String> & Sendable

/// One of some words.
public struct ChoiceOption<Choice: OptionWord>: PassOption {
    public let name: String
    public let summary: String
    public let defaultText: String
    public let requirements: [OptionRequirement]
    private let ofChoices: [Choice: [OptionRequirement]]

    /// - Parameters:
    ///   - requirements: of the option, whatever its value.
    ///   - ofChoices: of single values, beside these.
    public init(
        _ name: String, default value: Choice, _ summary: String, requires requirements: [OptionRequirement] = [],
        _ ofChoices: [Choice: [OptionRequirement]] = [:]
    ) {
        (self.name, self.summary, self.requirements, self.ofChoices) = (name, summary, requirements, ofChoices)
        defaultText = value.rawValue
    }

    public var domain: String { "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", ") }

    public var requirementText: String? {
        var texts = requirements.map(\.text)
        for choice in Choice.allCases {
            let needed = (ofChoices[choice] ?? []).map(\.text)
            if !needed.isEmpty { texts.append("\(needed.joined(separator: " and ")) for \(choice.rawValue)") }
        }
        return texts.isEmpty ? nil : texts.joined(separator: ", ")
    }

    public func value(of text: String) -> Choice? { Choice(rawValue: text) }

    public func requirements(of text: String) -> [OptionRequirement] {
        requirements + (Choice(rawValue: text).flatMap { ofChoices[$0] } ?? [])
    }
}
