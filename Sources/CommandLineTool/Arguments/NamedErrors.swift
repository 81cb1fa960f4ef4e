import Caplet

/// Puts a model's path before errors that do not know it.
struct NamedErrors {
    let path: String

    /// - Throws: `UsageError` for whatever `body` throws, but `Cancelled`.
    func naming<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error where !(error is Cancelled) {
            throw UsageError("\(path): \(error)", (error as? UsageError)?.status ?? ExitStatus(error))
        }
    }
}
