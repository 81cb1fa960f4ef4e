/// Memory that the system does not have, or does not give.
public struct OutOfMemory: Error, CustomStringConvertible {
    public let byteCount: Int
    /// What it was wanted for.
    public let purpose: String

    public init(_ byteCount: Int, for purpose: String) {
        self.byteCount = byteCount
        self.purpose = purpose
    }

    public var description: String { "out of memory: \(byteCount) bytes for \(purpose) are not to be had" }
}
