/// A chain of passes with their settings, as text `rpca{iterations=10},quantize{bits=8 group=64}`.
public struct Pipeline: Equatable, Sendable, CustomStringConvertible {
    public var invocations: [PassInvocation]

    public init(_ invocations: [PassInvocation]) { self.invocations = invocations }

    /// The text that parses to this pipeline.
    public var description: String { invocations.map(\.description).joined(separator: ",") }
}

/// One pass of a pipeline and the settings given to it, in their order.
public struct PassInvocation: Equatable, Sendable, CustomStringConvertible {
    public struct Setting: Equatable, Sendable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public let name: String
    public let settings: [Setting]
    /// Where the name stands in the text, counted from 1; 0 when it was not parsed from text.
    public let column: Int

    public init(_ name: String, _ settings: [Setting] = [], column: Int = 0) {
        self.name = name
        self.settings = settings
        self.column = column
    }

    public static func == (left: PassInvocation, right: PassInvocation) -> Bool {
        left.name == right.name && left.settings == right.settings
    }

    public var description: String {
        settings.isEmpty ? name : name + "{" + settings.map { "\($0.name)=\($0.value)" }.joined(separator: " ") + "}"
    }
}

/// Pipeline text that cannot be understood, with the column counted from 1.
public struct PipelineError: Error, CustomStringConvertible {
    public enum Kind: Sendable {
        case syntax, unknownPass, badOption, badOrder
    }

    public let kind: Kind
    public let column: Int
    public let message: String

    public init(_ kind: Kind = .syntax, column: Int, _ message: String) {
        self.kind = kind
        self.column = column
        self.message = message
    }

    public var description: String { "pipeline column \(column): \(message)" }
}
