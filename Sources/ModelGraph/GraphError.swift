/// A graph, tensor or payload that contradicts itself or cannot be computed with.
public enum GraphError: Error, CustomStringConvertible {
    /// The object and how its parts disagree.
    case inconsistent(_ object: String, _ reason: String)
    /// The tensor and why no floats can be had from it.
    case notComputable(_ object: String, _ reason: String)
    /// The tensor holds NaN or infinities where numbers are needed.
    case notFinite(_ object: String)

    public var description: String {
        switch self {
        case .inconsistent(let object, let reason), .notComputable(let object, let reason): return "\(object): \(reason)"
        case .notFinite(let object): return "\(object): holds NaN or infinite values; nothing can be computed from it"
        }
    }
}
