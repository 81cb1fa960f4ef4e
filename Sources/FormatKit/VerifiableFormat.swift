import Execution

/// A format whose files prove by themselves that they are whole: checksums, digests, sizes that must agree.
public protocol VerifiableFormat: Format {
    /// Reads every byte of the file and checks it against the file's own proofs.
    ///
    /// - Returns: what was checked, such as (42, "frames").
    /// - Throws: `FormatError.malformed` naming the first damage; `FileAccessError`; `Cancelled`.
    func verify(_ path: String, _ context: ExecutionContext) throws -> [(count: Int, noun: String)]
}
