/// What is wrong with a tokenizer file, a vocabulary or a request for a form that cannot hold it.
///
/// Every case carries where (`tokenizer.json: model.merges[3]`) and what, in one line.
public enum TokenizationError: Error, Equatable, CustomStringConvertible {
    /// The bytes break the rules of their form: truncated, over a limit, of the wrong type, a key twice.
    case malformed(location: String, reason: String)
    /// The bytes are well formed, and ask for a kind of tokenizer that this module does not have.
    case unsupported(location: String, feature: String)
    /// The pieces contradict each other: an id outside the vocabulary, a merge without a result.
    case inconsistent(location: String, reason: String)
    /// The form asked for has no way to say what this vocabulary says.
    case notRepresentable(form: String, reason: String)

    public var description: String {
        switch self {
        case .malformed(let location, let reason): "\(location): \(reason)"
        case .unsupported(let location, let feature): "\(location): \(feature) is not supported"
        case .inconsistent(let location, let reason): "\(location): \(reason)"
        case .notRepresentable(let form, let reason): "this vocabulary cannot be written as \(form): \(reason)"
        }
    }
}
