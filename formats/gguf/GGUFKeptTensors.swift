import FormatKit
import ModelGraph

/// Tensors of a checkpoint that llama.cpp has no place for, or that do not come back from what it wants exactly: one key each, with the
/// bytes as little-endian words of eight, and a list of "NAME=DTYPE:ROWS,COLUMNS".
struct GGUFKeptTensors {
    static let prefix = "caplet.tensor."
    static let listKey = "caplet.tensors"
    private var list: [MetadataValue] = []
    private var values: [(key: String, value: MetadataValue)] = []

    /// Keys for a file; none without tensors.
    var entries: [(key: String, value: MetadataValue)] {
        list.isEmpty ? [] : [(GGUFKeptTensors.listKey, .array(.string, list))] + values
    }

    /// - Throws: `FormatError.unsupported` for a tensor too large for an array of metadata.
    mutating func add(_ tensor: Tensor, path: String) throws {
        let dense = try tensor.denseForStorage()
        let words = (dense.byteCount + 7) / 8
        guard words <= GGUFMetadataCoding.maximumArrayCount else {
            throw FormatError.unsupported(
                path, "tensor '\(tensor.name)'", "has no place in llama.cpp's file, and \(dense.byteCount) bytes are too many for a key")
        }
        let elements = try dense.bytes.withUnsafeBytes { raw in
            (0..<words).map { word -> MetadataValue in
                var value: UInt64 = 0
                for byte in 0..<min(8, raw.count - 8 * word) { value |= UInt64(raw[8 * word + byte]) << (8 * byte) }
                return .uint64(value)
            }
        }
        list.append(.string("\(tensor.name)=\(dense.dtype.rawValue):" + dense.shape.dimensions.map(String.init).joined(separator: ",")))
        values.append((GGUFKeptTensors.prefix + tensor.name, .array(.uint64, elements)))
    }

    /// The tensors that a file's keys hold.
    ///
    /// - Throws: `FormatError.malformed` for a list or array that is none of tensors.
    static func tensors(_ metadata: Metadata, path: String) throws -> [Tensor] {
        guard let list = metadata[listKey] else { return [] }
        func malformed(_ message: String) -> FormatError { .malformed(path, "key '\(listKey)'", message) }
        guard case .array(.string, let entries) = list else { throw malformed("is no array of NAME=DTYPE:SHAPE") }
        var names = Set<String>()
        return try entries.map { entry in
            // Names may have either sign, dtypes and shapes have none.
            guard let text = entry.string, let sign = text.lastIndex(of: "="),
                let colon = text[sign...].firstIndex(of: ":"), let dtype = DType(rawValue: String(text[text.index(after: sign)..<colon]))
            else { throw malformed("is no array of NAME=DTYPE:SHAPE") }
            let name = String(text[..<sign])
            let sides = text[text.index(after: colon)...].split(separator: ",", omittingEmptySubsequences: true).map { Int($0) }
            guard !sides.contains(nil), let shape = Shape(sides.compactMap { $0 }), let size = dtype.byteCount(of: shape.elementCount),
                names.insert(name).inserted
            else { throw malformed("has the impossible entry '\(text.prefix(100))'") }
            return Tensor(name: name, dense: try dense(metadata[prefix + name], dtype, shape, size, path, prefix + name))
        }
    }

    private static func dense(
        _ value: MetadataValue?, _ dtype: DType, _ shape: Shape, _ size: Int, _ path: String, _ key: String
    ) throws -> DenseTensor {
        guard case .array(.uint64, let words)? = value, words.count == size / 8 + (size % 8 == 0 ? 0 : 1) else {
            throw FormatError.malformed(path, "key '\(key)'", "is no array of UINT64 for \(size) bytes")
        }
        let bytes = OwnedBytes(byteCount: size) { out in
            for (index, word) in words.enumerated() {
                guard case .uint64(let value) = word else { continue }
                for byte in 0..<min(8, size - 8 * index) { out[8 * index + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
            }
        }
        return try DenseTensor(dtype: dtype, shape: shape, bytes: bytes)
    }
}
