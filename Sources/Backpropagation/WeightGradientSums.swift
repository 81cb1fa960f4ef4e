import Execution
import Inference
import LinearAlgebra

/// The gradients of some layers' weights [out, in] of one block, Gᵀ X summed over sequences in their order.
final class WeightGradientSums {
    private let layers: [(layer: BlockLayer, name: String)]
    private let weights: BlockWeights
    /// [out, in] of each layer.
    private let sums: [UnsafeMutablePointer<Float>]
    /// Tiles of all layers, which depend on the shapes alone.
    private let tiles: [(slot: Int, rows: Range<Int>, columns: Range<Int>)]

    private static let (height, width) = (128, 512)

    init(_ layers: [(layer: BlockLayer, name: String)], _ weights: BlockWeights) {
        (self.layers, self.weights) = (layers, weights)
        sums = layers.map { entry in
            let count = weights[entry.layer].outputSize * weights[entry.layer].inputSize
            let sum = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
            sum.initialize(repeating: 0, count: count)
            return sum
        }
        tiles = layers.enumerated().flatMap { slot, entry -> [(slot: Int, rows: Range<Int>, columns: Range<Int>)] in
            let (out, input) = (weights[entry.layer].outputSize, weights[entry.layer].inputSize)
            return stride(from: 0, to: out, by: Self.height).flatMap { row in
                stride(from: 0, to: input, by: Self.width).map { column in
                    (slot, row..<min(row + Self.height, out), column..<min(column + Self.width, input))
                }
            }
        }
    }

    deinit { for sum in sums { sum.deallocate() } }

    /// Adds what some sequences bring; tiles of all layers side by side.
    func add(_ states: [GradientState], _ execution: ExecutionContext) throws {
        try execution.uncheckedParallelFor(tiles.count) { index in
            let (slot, rows, columns) = tiles[index]
            let layer = layers[slot].layer
            let (out, input) = (weights[layer].outputSize, weights[layer].inputSize)
            let sum = sums[slot] + rows.lowerBound * input + columns.lowerBound
            func add(_ gradient: UnsafePointer<Float>, _ rowsRead: UnsafePointer<Float>, count: Int) {
                multiply(
                    m: rows.count, n: columns.count, k: count, gradient + rows.lowerBound, .transposed, lda: out,
                    rowsRead + columns.lowerBound, .plain, ldb: input, beta: 1, into: sum, ldc: input)
            }
            for state in states where state.rowCount(of: layer) > 0 {
                add(state.outputGradient(of: layer), state.input(of: layer), count: state.rowCount(of: layer))
                // The layer made queries or keys of distances too.
                guard let relative = weights.relative, layer == .query || layer == .key else { continue }
                add(layer == .query ? state.distanceQueries : state.distanceKeys, relative.rows, count: relative.distances.rowCount)
            }
        }
    }

    /// Calls `body` with one gradient after another.
    func forEach(_ body: (String, Matrix) throws -> Void) rethrows {
        for (slot, entry) in layers.enumerated() {
            let (out, input) = (weights[entry.layer].outputSize, weights[entry.layer].inputSize)
            let elements = Array(UnsafeBufferPointer(start: sums[slot], count: out * input))
            try body(entry.name, Matrix(rows: out, columns: input, elements: elements))
        }
    }
}
