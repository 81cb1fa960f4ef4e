/// The values of a pass's options: those that were given, and the defaults of the others. Every value fits its option.
public struct PassOptions: Sendable {
    private let given: [String: String]

    /// - Parameter given: text by option's name, each a value of its option.
    init(given: [String: String]) { self.given = given }

    /// The value that was given, or the default.
    public subscript<Option: PassOption>(option: Option) -> Option.Value {
        let text = text(of: option)
        guard let value = option.value(of: text) else {
            preconditionFailure("option '\(option.name)' takes \(option.domain), not '\(text)'")
        }
        return value
    }

    /// Whether a value was given, be it the default.
    public func isGiven(_ option: some PassOption) -> Bool { given[option.name] != nil }

    /// The value as pipeline text has it.
    public func text(of option: some PassOption) -> String { given[option.name] ?? option.defaultText }
}
