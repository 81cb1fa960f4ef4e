import ModelGraph
import PassKit

/// Types for a size of the whole file, which follows from the types alone.
struct BlockSize {
    private let graph: TensorGraph
    private let byteCount: (TensorGraph) throws -> Int

    /// - Throws: `PassError` where the size of an output depends on its values, or is not known: that is no format that keeps blocks as they are.
    init(_ graph: TensorGraph, _ context: PassContext) throws {
        guard let byteCount = context.outputByteCount, context.outputSize?.dependsOnValues == false else {
            throw PassError(.usage, pass: QuantizePass.name, "coding=blocks with size= goes with an output in the gguf format")
        }
        self.graph = graph
        self.byteCount = byteCount
    }

    /// Room for a tensor in blocks of a codec, whose bytes nobody asks for.
    static func payload(_ shape: Shape, _ codec: BlockCodec) throws -> Payload {
        let bytes = DeferredBytes(byteCount: codec.byteCount(shape) ?? 0) { preconditionFailure("blocks that have a size alone") }
        return codec == .q8_0
            ? .quantized(try Q8_0Blocks.quantized(shape, blocks: bytes)) : .blocks(try BlockTensor(codec, shape: shape, bytes: bytes))
    }

    /// - Parameter sized: payloads of a size alone for the choices.
    /// - Throws: `PassError` when the smallest file is larger than `size`.
    func choices(
        _ allocation: BlockAllocation, within size: Int, _ sized: ([Int]) throws -> [(name: String, payload: Payload)]
    ) throws -> [Int] {
        func fileSize(_ chosen: [Int]) throws -> Int {
            var made = graph
            for (name, payload) in try sized(chosen) { try made.setPayload(payload, of: name) }
            return try byteCount(made)
        }
        // What is in the file beside the blocks; places of tensors are multiples of some bytes, so that it is not the same for all choices.
        var budget = allocation.leastByteCount
        guard let least = allocation.choices(within: budget) else { preconditionFailure("the smallest choices are within their own size") }
        let leastSize = try fileSize(least)
        var chosen = least
        var other = leastSize - budget
        for _ in 0..<8 {
            budget = size - other
            guard let found = allocation.choices(within: budget) else { break }
            chosen = found
            let made = try fileSize(found)
            if made <= size { return found }
            other = made - allocation.byteCount(found)
        }
        guard try fileSize(chosen) <= size else {
            guard leastSize <= size else {
                throw PassError(
                    .usage, pass: QuantizePass.name, "size=\(size) is too little: the smallest types give a file of \(leastSize) bytes")
            }
            return least
        }
        return chosen
    }
}
