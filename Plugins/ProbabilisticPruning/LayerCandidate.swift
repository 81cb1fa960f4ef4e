import CKernels
import Execution
import LayerwiseCompression
import LinearAlgebra
import ModelGraph

/// One linear layer as the priced allocation sees it: a low-rank part that is decided, and the entries of what is left, each
/// worth the output error that keeping it saves at the output's price, pᵢ · R²ᵢⱼ · Hⱼⱼ, for one parameter.
///
/// It is a recipe: the weight stays where the model has it, and residuals, scores and matrices are made of it some rows at a time whenever they
/// are asked for. What is held is prices, the diagonal of H, the terms of the low-rank part, and a histogram of the scores.
struct LayerCandidate {
    let name: String
    let block: Int?
    /// The layer's weight W [m, n].
    let weight: Payload
    /// Hⱼⱼ, [n].
    let inputPower: [Float]
    /// pᵢ, [m]; nil where all outputs count alike.
    let outputPrices: [Float]?
    /// The rank-one terms that are kept.
    let lowRank: SingularTriplets
    /// What a low-rank part saves of the output error, as `RankChoice` found it; nil where none was tried.
    let rankGain: Double?
    let histogram: ScoreHistogram
    /// U·Σ of the low-rank part, [m, r].
    private let scaledU: Matrix
    private let execution: ExecutionContext

    var rows: Int { weight.shape.rows }
    var columns: Int { weight.shape.columns }
    var parameterCount: Int { weight.shape.elementCount }
    var lowRankCost: Int { lowRank.rank * (rows + columns) }

    init(
        name: String, block: Int?, weight: Payload, inputPower: [Float], outputPrices: [Float]? = nil, lowRank: SingularTriplets,
        rankGain: Double? = nil, _ execution: ExecutionContext
    ) throws {
        self.name = name
        self.block = block
        self.weight = weight
        self.inputPower = inputPower
        self.outputPrices = outputPrices
        self.lowRank = lowRank
        self.rankGain = rankGain
        self.execution = execution
        scaledU = lowRank.u.scalingColumns(by: lowRank.singularValues)
        let source = Residuals(weight, inputPower, outputPrices, scaledU, lowRank.vTransposed)
        histogram = ScoreHistogram(
            try source.map(execution) { _, _, scores in
                var part = ScoreHistogram.Part()
                part.add(scores)
                return part
            })
    }

    private var residuals: Residuals { Residuals(weight, inputPower, outputPrices, scaledU, lowRank.vTransposed) }

    /// Output error Σ pᵢR²ᵢⱼHⱼⱼ of keeping the `kept` best entries, as near as the histogram tells.
    func outputError(keeping kept: Int) -> Double { histogram.sum(ofSmallest: max(parameterCount - kept, 0)) }

    /// Which entries of a layer are kept: those with at least a score, of those that have just that one the first in row-major order.
    struct Choice: Equatable {
        let count: Int
        /// Infinite when none is kept.
        let threshold: Float
        /// Entries kept whose score is the threshold; the largest number for all of them.
        let ties: Int
    }

    /// The choice of the `count` best entries.
    func choice(keeping count: Int) throws -> Choice {
        let count = min(count, parameterCount)
        guard count > 0 else { return Choice(count: 0, threshold: .infinity, ties: 0) }
        let (bin, above) = histogram.bin(ofLargest: count)
        let places = try self.counts(from: bin, width: 1, slots: 1 << Int(ScoreHistogram.shift))
        var left = count - above
        var slot = places.count - 2
        while slot > 0, places[slot] < left {
            left -= places[slot]
            slot -= 1
        }
        return Choice(count: count, threshold: Float(bitPattern: bin + UInt32(slot)), ties: left)
    }

    /// How many scores have bits in each of `slots` ranges of `width`, from `start` on, and at last how many have more.
    func counts(from start: UInt32, width: UInt32, slots: Int) throws -> [Int] {
        let parts = try residuals.map(execution) { _, _, scores in
            var counts = [Int32](repeating: 0, count: slots + 1)
            counts.withUnsafeMutableBufferPointer { counts in
                for score in scores where score.bitPattern >= start { counts[min(Int((score.bitPattern - start) / width), slots)] += 1 }
            }
            return counts
        }
        return parts.reduce(into: [Int](repeating: 0, count: slots + 1)) { sums, part in
            for slot in part.indices { sums[slot] += Int(part[slot]) }
        }
    }

    /// The entries of R that are kept, zeros for the others.
    func sparse(_ choice: Choice) throws -> Matrix { try kept(choice, addingLowRank: false) }

    /// L and the entries of R that are kept.
    func matrix(_ choice: Choice) throws -> Matrix { try kept(choice, addingLowRank: lowRank.rank > 0) }

    private func kept(_ choice: Choice, addingLowRank: Bool) throws -> Matrix {
        let source = residuals
        let ties = try tiesBefore(choice, source)
        return try Matrix(rows: rows, columns: columns) { out in
            let out = out
            _ = try source.map(execution) { index, values, scores in
                let rows = source.runs[index]
                var left = ties[index]
                guard let target = out.baseAddress.map({ $0 + rows.lowerBound * columns }) else { return }
                for i in 0..<scores.count {
                    let isTie = scores[i] == choice.threshold && left > 0
                    left -= isTie ? 1 : 0
                    target[i] = isTie || scores[i] > choice.threshold ? values[i] : 0
                }
                if addingLowRank { source.addLowRank(rows, scale: 1, to: target) }
            }
        }
    }

    /// How many entries whose score is the threshold each run of rows may keep.
    private func tiesBefore(_ choice: Choice, _ source: Residuals) throws -> [Int] {
        if choice.ties == .max { return source.runs.map { _ in .max } }
        let found = try source.map(execution) { _, _, scores in scores.count { $0 == choice.threshold } }
        var left = choice.ties
        return found.map { count in
            defer { left -= min(count, left) }
            return min(count, left)
        }
    }
}

/// R = W − L and its scores, some rows at a time.
private struct Residuals {
    let runs: [Range<Int>]
    private let weight: Payload
    private let power: [Float]
    private let prices: [Float]?
    private let u: Matrix
    private let v: Matrix

    init(_ weight: Payload, _ power: [Float], _ prices: [Float]?, _ u: Matrix, _ v: Matrix) {
        (self.weight, self.power, self.prices, self.u, self.v) = (weight, power, prices, u, v)
        runs = Payload.rowRuns(rows: weight.shape.rows, columns: weight.shape.columns)
    }

    /// The results of `body` for each run of rows, in order.
    ///
    /// - Parameter body: is given the number of the run, its residuals and their scores.
    func map<Result>(
        _ execution: ExecutionContext, _ body: (Int, UnsafeBufferPointer<Float>, UnsafeBufferPointer<Float>) throws -> Result
    ) throws -> [Result] {
        let (read, columns) = (try weight.floatRows(), weight.shape.columns)
        return try execution.uncheckedParallelMap(runs.count) { index in
            let count = runs[index].count * columns
            let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: 2 * max(count, 1))
            defer { memory.deallocate() }
            guard let values = memory.baseAddress else { preconditionFailure("no memory") }
            let scores = values + count
            try read(runs[index], values)
            addLowRank(runs[index], scale: -1, to: values)
            power.withUnsafeBufferPointer { power in
                for row in 0..<runs[index].count {
                    let (r, s) = (values + row * columns, scores + row * columns)
                    let price = prices?[runs[index].lowerBound + row] ?? 1
                    for j in 0..<columns { s[j] = r[j] * r[j] * power[j] * price }
                }
            }
            return try body(
                index, UnsafeBufferPointer(start: values, count: count), UnsafeBufferPointer(start: scores, count: count))
        }
    }

    /// values ← values + scale · L of some rows.
    func addLowRank(_ rows: Range<Int>, scale: Float, to values: UnsafeMutablePointer<Float>) {
        guard u.columns > 0, !rows.isEmpty else { return }
        u.elements.withUnsafeBufferPointer { u in
            guard let base = u.baseAddress else { return }
            multiply(
                m: rows.count, n: v.columns, k: self.u.columns, alpha: scale, base + rows.lowerBound * self.u.columns, .plain,
                lda: self.u.columns, v.elements, .plain, ldb: v.columns, beta: 1, into: values, ldc: v.columns)
        }
    }
}
