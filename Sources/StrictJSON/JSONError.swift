/// Why bytes are no JSON document that is accepted here.
public struct JSONError: Error, Equatable, CustomStringConvertible {
    /// Where, in bytes from the first one.
    public let offset: Int
    /// What is wrong there.
    public let reason: String

    public var description: String { "byte \(offset): \(reason)" }
}
