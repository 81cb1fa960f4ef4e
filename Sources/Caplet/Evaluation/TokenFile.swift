import BuiltIns
import Calibration
import FormatKit
import ModelGraph

/// Token ids from a .npy file, [rows, length] or [length], of a 32- or 64-bit integer dtype.
enum TokenFile {
    static func read(_ path: String, _ context: RequestContext) throws -> TokenSequences {
        let format = try context.registry.format(named: "npy")
        let graph = try format.read(path, ReadContext(execution: context.execution))
        guard graph.tensors.count == 1, let tensor = graph.tensors.first, case .dense(let ids) = tensor.payload else {
            throw RequestError(.malformedInput, "\(path): holds \(graph.tensors.count) arrays, one of token ids is needed")
        }
        guard ids.shape.rank == 1 || ids.shape.rank == 2 else {
            throw RequestError(.malformedInput, "\(path): has shape \(ids.shape), [rows, length] or [length] is needed")
        }
        let values = try ids.bytes.withUnsafeBytes { raw -> [Int32] in
            try (0..<ids.shape.elementCount).map { index in
                let value: Int64
                switch ids.dtype {
                case .i32: value = Int64(raw.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
                case .u32: value = Int64(raw.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
                case .i64: value = raw.loadUnaligned(fromByteOffset: index * 8, as: Int64.self)
                case .u16: value = Int64(raw.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
                default:
                    throw RequestError(
                        .unsupported, "\(path): token ids of dtype \(ids.dtype.rawValue); int32, int64, uint32, uint16 are read")
                }
                guard let id = Int32(exactly: value), id >= 0 else {
                    throw RequestError(.malformedInput, "\(path): element \(index) is \(value), no token id")
                }
                return id
            }
        }
        let length = ids.shape.columns
        let rows = length == 0 ? 0 : ids.shape.elementCount / length
        guard length >= 2, rows >= 1 else { throw RequestError(.malformedInput, "\(path): \(CalibrationError.emptyText)") }
        return TokenSequences((0..<rows).map { Array(values[$0 * length..<($0 + 1) * length]) })
    }
}
