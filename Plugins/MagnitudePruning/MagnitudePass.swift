import LinearAlgebra
import ModelGraph
import PassKit

/// Keeps the entries of largest magnitude and zeroes the others: the baseline of every pruning paper (Han et al. 2015).
public struct MagnitudePass: Pass {
    public static let name = "magnitude"
    public static let summary = "keep the entries of largest magnitude"
    public static let options = [
        PassOption("keep", .number(0...1, allowsAuto: false), default: "0.5", "share of the selected tensors' parameters to keep"),
        PassOption("scope", .choice(["layer", "global"]), default: "layer", "the same share of each tensor, or one threshold for all"),
        TensorSelection.option,
    ]

    private let keep: Double
    private let scope: String
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        keep = options.number("keep")
        scope = options.word("scope")
        selection = TensorSelection(options)
    }

    /// Some thirty passes over the entries of each matrix, no products; with one threshold for all, all of them are in memory at once.
    public func cost(of graph: TensorGraph) throws -> PassCost? {
        let total = try selection.split(graph, pass: Self.name).selected.reduce(0) { $0 + $1.shape.elementCount }
        let isGlobal = scope == "global"
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: 0, bytesMoved: 120 * Double(m * n), workingBytes: 18 * (isGlobal ? total : m * n),
                resultBytes: Int(4 * keep * Double(m * n)) + m * n / 8, parallelism: 1)
        }
        if isGlobal { cost.parallelism = 1 }
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: MagnitudePass.name)
        let (selected, leftAlone) = try selection.split(graph, pass: MagnitudePass.name)
        report.leftAlone = leftAlone
        context.execution.progress.begin(MagnitudePass.name, total: selected.count, unit: "tensors")
        defer { context.execution.progress.end() }
        // One threshold needs all magnitudes at once; a threshold a tensor needs only its own.
        let groups = scope == "global" ? [Array(selected.indices)] : selected.indices.map { [$0] }
        let results = try context.execution.parallelMap(groups.count) { group in
            try prune(groups[group].map { selected[$0] }, context)
        }
        for (payload, entry) in results.joined() {
            try graph.setPayload(payload, of: entry.name)
            report.tensors.append(entry)
        }
        return report
    }

    /// Keeps the largest entries of some tensors together.
    private func prune(_ tensors: [Tensor], _ context: PassContext) throws -> [(Payload, TensorReport)] {
        var matrices = try tensors.map { try $0.finiteMatrix() }
        let magnitudes = matrices.map { $0.elements.map { abs($0) } }
        let kept = Int((keep * Double(magnitudes.reduce(0) { $0 + $1.count })).rounded(.down))
        let masks =
            kept == 0
            ? magnitudes.map { [Bool](repeating: false, count: $0.count) }
            : OrderStatistic(largest: kept, of: magnitudes).selection(of: magnitudes)
        return try tensors.indices.map { index in
            for position in masks[index].indices where !masks[index][position] { matrices[index].elements[position] = 0 }
            let dtype = tensors[index].dtype.isComputable ? tensors[index].dtype : .f32
            let payload = Payload.sparse(try SparseTensor(nonZerosOf: matrices[index], dtype: dtype))
            context.execution.progress.advance(by: 1, remark: tensors[index].name)
            let density = Measurement(name: "density", value: payload.density ?? 0)
            return (payload, try TensorReport(comparing: tensors[index], with: payload, [density]))
        }
    }
}
