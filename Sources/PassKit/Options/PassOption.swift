/// One option of a pass, declared once: text is checked, help is printed and values are read by the declaration.
public protocol PassOption<Value>: Sendable {
    associatedtype Value: Sendable

    /// Its name in pipeline text.
    var name: String { get }
    /// One line on what it does.
    var summary: String { get }
    /// The value when none is given, as text.
    var defaultText: String { get }
    /// The values it takes, for help and errors.
    var domain: String { get }
    /// What must hold of other options wherever this one is given.
    var requirements: [OptionRequirement] { get }
    /// The same in words, and what must hold for single values; nil where nothing must.
    var requirementText: String? { get }

    /// The value that `text` spells; nil where it is none of this option's.
    func value(of text: String) -> Value?

    /// What must hold of other options where this one is given with a value.
    func requirements(of text: String) -> [OptionRequirement]
}

extension PassOption {
    /// Whether `text` is a value of this option.
    public func accepts(_ text: String) -> Bool { value(of: text) != nil }

    public var requirementText: String? { requirements.isEmpty ? nil : requirements.map(\.text).joined(separator: ", ") }

    public func requirements(of text: String) -> [OptionRequirement] { requirements }
}
