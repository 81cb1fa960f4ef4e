import FormatKit
import ModelGraph

/// Tensor data in the other byte order: elements of plain types, and the halves of blocks, byte by byte in reverse.
enum GGUFByteOrder {
    /// The types of blocks for which gguf-py's gguf_convert_endian says what changes.
    private static let knownBlocks = ["Q4_0", "Q4_K", "Q6_K", "MXFP4", "NVFP4"]

    /// The tensor with its bytes in the other order, made when they are asked for.
    ///
    /// - Throws: `FormatError.unsupported` for types of which no tool says what they are in a big-endian file.
    static func swapped(_ tensor: GGUFTensor, path: String) throws -> GGUFTensor {
        let (unit, fields) = try layout(tensor, path)
        guard !fields.isEmpty else { return tensor }
        var result = tensor
        result.bytes = RowSource(from: tensor.bytes, unitBytes: unit, madeUnitBytes: unit) { raw, out in
            out.copyMemory(from: raw)
            swap(out, unit: unit, fields)
        }
        return result
    }

    /// Bytes after which the layout repeats, and in them where fields are and how wide.
    private static func layout(_ tensor: GGUFTensor, _ path: String) throws -> (unit: Int, fields: [(offset: Int, width: Int)]) {
        switch tensor.type {
        case .plain(let dtype): return (dtype.byteWidth, dtype.byteWidth == 1 ? [] : [(0, dtype.byteWidth)])
        case .q8_0: return (Q8_0Blocks.byteCount, [(0, 2)])
        case .blocks(let codec):
            guard knownBlocks.contains(codec.name) else {
                let names = (["Q8_0"] + knownBlocks).joined(separator: ", ")
                throw FormatError.unsupported(
                    path, "tensor '\(tensor.name)'", "is of type \(codec.name), which no converter turns round; known are \(names)")
            }
            return (codec.bytesPerBlock, codec.halves.map { ($0, 2) })
        }
    }

    private static func swap(_ bytes: UnsafeMutableRawBufferPointer, unit: Int, _ fields: [(offset: Int, width: Int)]) {
        for start in stride(from: 0, through: bytes.count - unit, by: unit) {
            for field in fields {
                var (low, high) = (start + field.offset, start + field.offset + field.width - 1)
                while low < high {
                    bytes.swapAt(low, high)
                    low += 1
                    high -= 1
                }
            }
        }
    }
}
