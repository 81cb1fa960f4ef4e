import Execution

/// What is wrong with a file, or with writing one.
public struct FormatError: RemediableError, CustomStringConvertible {
    public enum Kind: Sendable {
        /// The bytes break the format's rules.
        case malformed
        /// The format allows it and we do not handle it.
        case unsupported
        /// The output could not be written.
        case writeFailed
        /// The request itself makes no sense: the output exists, or is the input.
        case refused
    }

    public let kind: Kind
    public let path: String
    /// What inside the file, such as "tensor 'h.0.w'" or "header"; empty for the file as a whole.
    public let object: String
    /// What was expected and what was found.
    public let message: String
    public let remedy: Remedy?

    public init(_ kind: Kind, path: String, object: String = "", _ message: String, remedy: Remedy? = nil) {
        self.kind = kind
        self.path = path
        self.object = object
        self.message = message
        self.remedy = remedy
    }

    public static func malformed(_ path: String, _ object: String, _ message: String) -> FormatError {
        FormatError(.malformed, path: path, object: object, message)
    }

    public static func unsupported(_ path: String, _ object: String, _ message: String, remedy: Remedy? = nil) -> FormatError {
        FormatError(.unsupported, path: path, object: object, message, remedy: remedy)
    }

    public static func writeFailed(_ path: String, _ message: String) -> FormatError {
        FormatError(.writeFailed, path: path, message)
    }

    public static func refused(_ path: String, _ message: String, remedy: Remedy? = nil) -> FormatError {
        FormatError(.refused, path: path, message, remedy: remedy)
    }

    public var description: String {
        [path, object, message].filter { !$0.isEmpty }.joined(separator: ": ")
    }
}
