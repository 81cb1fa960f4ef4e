import FormatKit
import ModelGraph

/// How tensors of the checkpoint become those of the file.
enum VisionForm {
    case same
    /// F32 whatever the checkpoint has: positions.
    case floats
    /// F32 without sides of one.
    case vector
    /// F32 rows, the first of which is the class token's and comes last, where llama.cpp puts the token.
    case firstRowLast
    /// 1 + w for w.
    case oneMore
    /// Queries, keys and values in tensors of their own, "qkv" of the name replaced.
    case threeParts
    /// The two depths of a kernel over time in tensors of their own.
    case twoDepths
    /// Rows of so many heads, neighbours in the place of halves: what turns together in llama.cpp.
    case neighbours(heads: Int)

    func tensors(_ dense: DenseTensor, name: String, source: String, path: String) throws -> [(String, DenseTensor)] {
        func refused(_ message: String) -> FormatError { .unsupported(path, "tensor '\(source)'", "has shape \(dense.shape); \(message)") }
        let sides = dense.shape.dimensions
        switch self {
        case .same: return [(name, try VisionForm.stored(dense))]
        case .floats: return [(name, try dense.cast(to: .f32))]
        case .vector:
            guard let shape = Shape([dense.shape.elementCount]) else { throw refused("a vector is expected") }
            return [(name, try DenseTensor(floats: dense.cast(to: .f32).floats(), shape: shape))]
        case .firstRowLast:
            guard sides.count == 3, sides[0] == 1, sides[1] > 1, let shape = Shape(Array(sides.dropFirst())) else {
                throw refused("positions of a class token and of patches are [1, rows, width]")
            }
            let floats = try dense.cast(to: .f32).floats()
            return [(name, try DenseTensor(floats: Array(floats[sides[2]...] + floats[..<sides[2]]), shape: shape))]
        case .oneMore:
            let floats = try dense.cast(to: .f32).floats().map { $0 + 1 }
            return [(name, try DenseTensor(floats: floats, shape: dense.shape))]
        case .neighbours(let heads):
            guard sides.count == 2, let permutation = RowPermutation(interleavingHalvesOf: heads, rows: sides[0]) else {
                throw refused("\(heads) heads of an even number of rows are expected")
            }
            let plain = try VisionForm.stored(dense)
            return [(name, try DenseTensor(dtype: plain.dtype, shape: plain.shape, bytes: permutation.apply(to: plain.bytes)))]
        case .threeParts:
            return try VisionForm.thirds(dense, name) ?? { throw refused("queries, keys and values are three equal parts") }()
        case .twoDepths:
            return try VisionForm.depths(dense, name) ?? { throw refused("a kernel over two pictures has two depths in its third place") }()
        }
    }

    private static func thirds(_ dense: DenseTensor, _ name: String) throws -> [(String, DenseTensor)]? {
        let sides = dense.shape.dimensions
        guard let rows = sides.first, rows > 0, rows % 3 == 0, let shape = Shape([rows / 3] + sides.dropFirst()) else { return nil }
        let size = dense.bytes.byteCount / 3
        var parts: [(String, DenseTensor)] = []
        for (index, part) in ["attn_q", "attn_k", "attn_v"].enumerated() {
            guard let bytes = SlicedBytes(dense.bytes, offset: index * size, byteCount: size) else { return nil }
            parts.append(
                (name.replacing("attn_qkv", with: part), try stored(DenseTensor(dtype: dense.dtype, shape: shape, bytes: bytes))))
        }
        return parts
    }

    private static func depths(_ dense: DenseTensor, _ name: String) throws -> [(String, DenseTensor)]? {
        let sides = dense.shape.dimensions
        guard sides.count == 5, sides[2] == 2, let shape = Shape([sides[0], sides[1], sides[3], sides[4]]) else { return nil }
        let (floats, area) = (try dense.cast(to: .f32).floats(), sides[3] * sides[4])
        return try (0..<2).map { depth -> (String, DenseTensor) in
            var own: [Float] = []
            own.reserveCapacity(shape.elementCount)
            for kernel in 0..<sides[0] * sides[1] {
                let start = (2 * kernel + depth) * area
                own += floats[start..<start + area]
            }
            return (depth == 0 ? name : "\(name).1", try DenseTensor(floats: own, shape: shape))
        }
    }

    /// Matrices in the dtypes that llama.cpp multiplies by, all else as F32.
    private static func stored(_ dense: DenseTensor) throws -> DenseTensor {
        dense.shape.rank == 2 && [.f32, .f16, .bf16].contains(dense.dtype) ? dense : try dense.cast(to: .f32)
    }
}
