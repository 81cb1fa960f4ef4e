import CXXHash
import LinearAlgebra
import ModelGraph

/// A digest (XXH3, 128 bits) of weights by what they hold. It tells apart what a pass tries, not what somebody forges.
struct WeightsDigest {
    private var words: [UInt64] = []

    /// - Parameter kind: how the weights are put into the model; equal weights put in otherwise are others.
    init(_ kind: StaticString) { add("\(kind)") }

    var hexadecimal: String {
        let digest = words.withUnsafeBytes { XXH3_128bits($0.baseAddress, $0.count) }
        return [digest.high64, digest.low64].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        let digest = XXH3_128bits(bytes.baseAddress, bytes.count)
        words += [UInt64(bytes.count), digest.high64, digest.low64]
    }

    mutating func add(_ text: String) { Array(text.utf8).withUnsafeBytes { add($0) } }

    /// A matrix in the place of a tensor.
    mutating func add(_ name: String, _ matrix: Matrix) {
        add(name)
        words += [UInt64(matrix.rows), UInt64(matrix.columns)]
        matrix.elements.withUnsafeBytes { add($0) }
    }

    /// A whole model; of tensors that are the original's very bytes their names.
    ///
    /// - Throws: what reading the tensors throws.
    mutating func add(_ graph: TensorGraph, since original: TensorGraph) throws {
        for tensor in graph.tensors {
            add(tensor.name)
            if let before = original[tensor.name], tensor.payload.hasSameBytes(as: before.payload) { continue }
            let (read, columns) = (try tensor.payload.floatRows(), tensor.shape.columns)
            add("\(tensor.payload.kindName) \(tensor.shape)")
            for rows in Payload.rowRuns(rows: tensor.shape.rows, columns: columns) {
                let values = try Matrix(rows: rows.count, columns: columns) { out in
                    if let base = out.baseAddress { try read(rows, base) }
                }
                values.elements.withUnsafeBytes { add($0) }
            }
        }
    }
}
