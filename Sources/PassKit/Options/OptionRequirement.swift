/// What must hold of other options for one to mean anything.
public struct OptionRequirement: Sendable {
    /// As help and errors say it, such as "ratios=owl".
    public let text: String
    /// The options that decide it.
    private let deciding: [any PassOption]
    private let isMet: @Sendable (PassOptions) -> Bool

    /// - Parameters:
    ///   - text: completes "it needs …".
    ///   - deciding: the options that `isMet` looks at.
    public init(_ text: String, deciding: [any PassOption], isMet: @escaping @Sendable (PassOptions) -> Bool) {
        self.text = text
        self.deciding = deciding
        self.isMet = isMet
    }

    /// Another option has one of some values.
    public static func equals<Choice>(_ option: ChoiceOption<Choice>, _ values: Choice...) -> OptionRequirement {
        OptionRequirement(values.map { "\(option.name)=\($0.rawValue)" }.joined(separator: " or "), deciding: [option]) {
            values.contains($0[option])
        }
    }

    /// A flag is set.
    public static func isSet(_ option: FlagOption) -> OptionRequirement {
        OptionRequirement("\(option.name)=true", deciding: [option]) { $0[option] }
    }

    /// A word is among those of another option.
    public static func contains<Member>(_ option: SetOption<Member>, _ member: Member) -> OptionRequirement {
        OptionRequirement("\(member.rawValue) among \(option.name)", deciding: [option]) { $0[option].contains(member) }
    }

    /// Another option is more than 0.
    public static func isAboveZero<Option: PassOption>(_ option: Option) -> OptionRequirement where Option.Value: Comparable & Numeric {
        OptionRequirement("\(option.name) above 0", deciding: [option]) { $0[option] > 0 }
    }

    /// Another option is given.
    public static func given(_ option: any PassOption) -> OptionRequirement {
        OptionRequirement("\(option.name)=", deciding: [option]) { $0.isGiven(option) }
    }

    /// Another option is not given.
    public static func absent(_ option: any PassOption) -> OptionRequirement {
        OptionRequirement("no \(option.name)=", deciding: [option]) { !$0.isGiven(option) }
    }

    /// What is in the way, as "bits=8": of the options that decide those that were given, or all with their defaults. Nil where it is met.
    func obstacle(in options: PassOptions) -> String? {
        if isMet(options) { return nil }
        let given = deciding.filter { options.isGiven($0) }
        return (given.isEmpty ? deciding : given).map { "\($0.name)=\(options.text(of: $0))" }.joined(separator: " ")
    }
}
