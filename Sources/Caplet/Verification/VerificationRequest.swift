import FormatKit

/// Reads all of a model and checks it: the file's structure, checksums and digests, that all values are finite, that tensors have the shapes
/// of the configuration, that the tokenizer loads.
public struct VerificationRequest: Request {
    /// A file or a folder.
    public var model: String
    /// The model's format; nil to look at it.
    public var format: String?
    /// What the content's digest must be, from a place that is trusted.
    public var expectedDigest: SHA256Digest?

    /// A request with what has no default.
    public init(model: String) { self.model = model }

    /// - Throws: the first damage, of the kind `malformedInput` or `checkFailed`; what opening throws.
    public func perform(in context: RequestContext) throws -> VerificationResult {
        context.willRead([model])
        let (opened, format) = try context.open(model, from: format)
        let check = ModelCheck(path: model, format: format, execution: context.execution)
        var counts = try check.run(opened)
        if let expectedDigest { counts.lines.append(try check.compare(opened.graph, expectedDigest)) }
        return VerificationResult(checked: counts.lines)
    }
}

/// A model that was found to be in order.
public struct VerificationResult: Sendable {
    /// What was checked, as lines "57 tensors read, all values finite".
    public let checked: [String]
}
