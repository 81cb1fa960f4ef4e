import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// Keeps the entries of largest magnitude and zeroes the others: the baseline of every pruning paper (Han et al. 2015).
public struct MagnitudePass: Pass {
    public static let name = "magnitude"
    public static let summary = "keep the entries of largest magnitude"
    /// Which entries compete with each other.
    enum Scope: String, CaseIterable, Sendable {
        case layer, global
    }

    private static let pattern = EntryPattern.option("goes with keep=0.5")
    private static let scope = ChoiceOption<Scope>(
        "scope", default: .layer, "the same share of each tensor, or one threshold for all", requires: [.equals(pattern, .none)])
    public static let options: [any PassOption] = [ParameterBudget.option, pattern, scope, TensorSelection.option]
    public static let reads: PassReads = .values
    public static let leaves = PassResult.entries

    private let budget: ParameterBudget
    private let pattern: EntryPattern
    private let scope: Scope
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        budget = ParameterBudget(options)
        guard budget.keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
        pattern = options[Self.pattern]
        guard pattern == .none || budget.keep == 0.5 else {
            throw PassError(.usage, pass: Self.name, "pattern=\(pattern.rawValue) goes with keep=0.5")
        }
        scope = options[Self.scope]
        selection = TensorSelection(options)
    }

    /// Some thirty passes over the entries of each matrix, no products; with one threshold for all three more, one matrix after another.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let isGlobal = scope == .global
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: 0, bytesMoved: (isGlobal ? 200 : 120) * m * n, workingBytes: 18 * m * n,
                resultBytes: 4 * budget.keep * m * n + m * n / 8, parallelism: 1)
        }
        if isGlobal { cost.parallelism = 1 }
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        if pattern != .none {
            return try selection.replaceEach(of: &graph, pass: Self.name, context) { tensor, context in
                let matrix = try tensor.finiteMatrix()
                return try stored(pattern.keeping(matrix, largestOf: matrix, context.execution) ?? matrix, tensor)
            }
        }
        guard scope == .global else {
            return try selection.replaceEach(of: &graph, pass: Self.name, context) { tensor, _ in
                let magnitudes = try Self.magnitudes(tensor)
                let threshold = kept(of: magnitudes.count).map { OrderStatistic(largest: $0, of: [magnitudes]) }
                var ties = threshold?.tiesKept ?? 0
                return try prune(tensor, magnitudes, threshold, &ties)
            }
        }
        let selected = try selection.split(graph, pass: Self.name).selected
        let threshold = try kept(of: selected.reduce(0) { $0 + $1.shape.elementCount }).map {
            try OrderStatistic(largest: $0, of: selected.count) { index in
                try context.execution.cancellation.check()
                return try Self.magnitudes(selected[index])
            }
        }
        // Ties are kept in file order: one tensor after the other.
        var ties = threshold?.tiesKept ?? 0
        let inOrder = context.with(context.execution.with(threads: 1))
        return try selection.replaceEach(of: &graph, pass: Self.name, inOrder) { tensor, _ in
            try prune(tensor, Self.magnitudes(tensor), threshold, &ties)
        }
    }

    /// How many of so many entries stay; nil for none.
    private func kept(of count: Int) -> Int? {
        let kept = budget.parameters(of: count)
        return kept > 0 ? kept : nil
    }

    private static func magnitudes(_ tensor: Tensor) throws -> [Float] { try tensor.finiteMatrix().elements.map { abs($0) } }

    /// Keeps the entries from the threshold up; nil keeps none.
    private func prune(
        _ tensor: Tensor, _ magnitudes: [Float], _ threshold: OrderStatistic?, _ ties: inout Int
    ) throws -> (Payload, [Measurement]) {
        var matrix = try tensor.finiteMatrix()
        let mask = threshold?.selection(of: magnitudes, ties: &ties) ?? [Bool](repeating: false, count: magnitudes.count)
        for position in mask.indices where !mask[position] { matrix.elements[position] = 0 }
        return try stored(matrix, tensor)
    }

    private func stored(_ matrix: Matrix, _ tensor: Tensor) throws -> (Payload, [Measurement]) {
        let dtype = tensor.dtype.isComputable ? tensor.dtype : .f32
        let payload = Payload.sparse(try SparseTensor(nonZerosOf: matrix, dtype: dtype))
        return (payload, [Measurement(name: "density", value: payload.density ?? 0)])
    }
}
