import Execution
import Inference
import LinearAlgebra

/// The gradients of some layers' weights [out, in] of one block, Gᵀ X summed over sequences: the terms of a tree.
final class WeightGradientSums {
    private let layers: [(layer: BlockLayer, name: String)]
    private let weights: BlockWeights
    /// [out, in] of each layer.
    private let sums: [TreeSum]
    /// Tiles of all layers, which depend on the shapes alone.
    private let tiles: [(slot: Int, rows: Range<Int>, columns: Range<Int>)]

    private static let (height, width) = (128, 512)

    /// - Parameter ranges: the sequences of each rank.
    init(
        _ layers: [(layer: BlockLayer, name: String)], _ weights: BlockWeights, _ ranges: [Range<Int>], _ execution: ExecutionContext
    ) {
        (self.layers, self.weights) = (layers, weights)
        sums = layers.map {
            TreeSum(floats: weights[$0.layer].outputSize * weights[$0.layer].inputSize, ranges: ranges, execution)
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

    /// Adds what some sequences bring; tiles of all layers side by side.
    ///
    /// - Parameter first: the number of the first of them.
    func add(_ states: [GradientState], first: Int, _ execution: ExecutionContext) throws {
        let steps = try sums.map { try $0.steps(until: first + states.count) }
        try execution.uncheckedParallelFor(tiles.count) { index in
            let (slot, rows, columns) = tiles[index]
            let input = weights[layers[slot].layer].inputSize
            let offset = rows.lowerBound * input + columns.lowerBound
            for step in steps[slot] {
                switch step {
                case .term(let term, let place): set(sums[slot].slot(place) + offset, tiles[index], states[term - first])
                case .add(let place):
                    let (left, right) = (sums[slot].slot(place) + offset, sums[slot].slot(place + 1) + offset)
                    for row in 0..<rows.count { TreeSum.add(right + row * input, to: left + row * input, count: columns.count) }
                }
            }
        }
    }

    /// Writes what one sequence brings to a tile.
    private func set(
        _ sum: UnsafeMutablePointer<Float>, _ tile: (slot: Int, rows: Range<Int>, columns: Range<Int>), _ state: GradientState
    ) {
        let (rows, columns, layer) = (tile.rows, tile.columns, layers[tile.slot].layer)
        let (out, input) = (weights[layer].outputSize, weights[layer].inputSize)
        func add(_ gradient: UnsafePointer<Float>, _ rowsRead: UnsafePointer<Float>, count: Int, beta: Float) {
            multiply(
                m: rows.count, n: columns.count, k: count, gradient + rows.lowerBound, .transposed, lda: out,
                rowsRead + columns.lowerBound, .plain, ldb: input, beta: beta, into: sum, ldc: input)
        }
        guard state.rowCount(of: layer) > 0 else {
            for row in 0..<rows.count { (sum + row * input).update(repeating: 0, count: columns.count) }
            return
        }
        add(state.outputGradient(of: layer), state.input(of: layer), count: state.rowCount(of: layer), beta: 0)
        // The layer made queries or keys of distances too.
        guard let relative = weights.relative, layer == .query || layer == .key else { return }
        add(layer == .query ? state.distanceQueries : state.distanceKeys, relative.rows, count: relative.distances.rowCount, beta: 1)
    }

    /// Calls `body` with one gradient after another, summed over the sequences of all ranks.
    func forEach(_ body: (String, Matrix) throws -> Void) throws {
        for (slot, entry) in layers.enumerated() {
            let (out, input) = (weights[entry.layer].outputSize, weights[entry.layer].inputSize)
            guard let sum = try sums[slot].totalForAll() else { continue }
            let elements = Array(UnsafeBufferPointer(start: sum, count: out * input))
            try body(entry.name, Matrix(rows: out, columns: input, elements: elements))
        }
    }
}
