import FormatKit
import ModelGraph

/// A tensor as the file has it: encoded bytes and what they mean.
struct GGUFTensor {
    var name: String
    var type: GGUFTensorType
    let shape: Shape
    /// Exactly as many as type and shape need.
    var bytes: any ByteSource

    /// The encoded rows in another order. Rows are whole blocks, so this is the same for every type.
    func permuted(_ permutation: RowPermutation) throws -> GGUFTensor {
        var result = self
        result.bytes = try permutation.apply(to: bytes)
        return result
    }

    /// The elements as a payload of a graph; blocks of Q8_0 are split when they are asked for.
    func payload() throws -> Payload {
        switch type {
        case .plain(let dtype): return .dense(try DenseTensor(dtype: dtype, shape: shape, bytes: bytes))
        case .blocks(let codec): return .blocks(try BlockTensor(codec, shape: shape, bytes: bytes))
        case .q8_0: return .quantized(try Q8_0Blocks.quantized(shape, blocks: bytes))
        }
    }
}
