import FormatKit
import ModelGraph

/// The dtypes that tensors had before they were stored as another type: one metadata key, an array of "NAME=DTYPE".
struct GGUFOriginalDTypes {
    static let key = "caplet.original_dtypes"
    private var dtypes: [String: DType] = [:]
    private var entries: [MetadataValue] = []

    init() {}

    /// - Throws: `FormatError.malformed` for anything but an array of such strings.
    init(_ value: MetadataValue?, path: String) throws {
        guard let value else { return }
        guard case .array(.string, let entries) = value else { throw GGUFOriginalDTypes.malformed(path) }
        for entry in entries {
            // Names may have an equals sign, dtypes do not.
            guard let text = entry.string, let sign = text.lastIndex(of: "="),
                let dtype = DType(rawValue: String(text[text.index(after: sign)...])),
                dtypes.updateValue(dtype, forKey: String(text[..<sign])) == nil
            else { throw GGUFOriginalDTypes.malformed(path) }
        }
    }

    private static func malformed(_ path: String) -> FormatError {
        .malformed(path, "key '\(key)'", "is no array of NAME=DTYPE, each name once")
    }

    /// Notes a tensor, by its name in the graph, that is stored as something else.
    mutating func add(_ name: String, _ dtype: DType) { entries.append(.string("\(name)=\(dtype.rawValue)")) }

    /// Nil when there is nothing to say.
    var value: MetadataValue? { entries.isEmpty ? nil : .array(.string, entries) }

    /// A tensor of the graph with its dtype restored.
    func tensor(_ stored: GGUFTensor, path: String) throws -> Tensor {
        let payload = try stored.payload()
        guard let dtype = dtypes[stored.name], dtype != stored.type.dtype else {
            return Tensor(name: stored.name, shape: stored.shape, dtype: stored.type.dtype, payload: payload)
        }
        guard dtype.isComputable, stored.type.dtype.isComputable else {
            throw FormatError.malformed(
                path, "key '\(GGUFOriginalDTypes.key)'", "makes \(dtype.rawValue) of \(stored.type.name) tensor '\(stored.name)'")
        }
        if case .dense(let dense) = payload { return Tensor(name: stored.name, dense: try dense.cast(to: dtype)) }
        return Tensor(name: stored.name, shape: stored.shape, dtype: dtype, payload: payload)
    }
}
