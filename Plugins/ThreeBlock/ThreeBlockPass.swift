import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// Splits each layer into a sparse and a low-rank part by alternating directions in three blocks (3BASiL, Makni et al. 2026, arXiv 2603.01376).
///
/// It minimises tr((W − S − L) H (W − S − L)ᵀ) over S of k entries and L of rank r; H is the second moment of the inputs that the blocks
/// compressed before really produce. Of the ⌊keep·mn⌋ parameters of a layer, r = ⌊κ·keep·mn/(m + n)⌋ with κ the rank ratio; with a pattern the
/// entries take half of mn and rank what `keep` leaves above that, or `rank` says it of every layer and the budget follows, as published (2:4 + 64). A layer costs 2mn² + 4mnr operations a step and 2n³ for each penalty.
public struct ThreeBlockPass: Pass {
    public static let name = "three-block"
    public static let summary = "low-rank + sparse by alternating directions on the inputs of the compressed blocks before"
    private static let pattern = EntryPattern.option("goes with a keep of 0.5 or more, and rank takes what is above half")
    private static let rankRatio = NumberOption(
        "rank-ratio", in: 0...1, default: 0.1, "share of the kept parameters that the low-rank part takes",
        requires: [.equals(pattern, .none)])
    private static let rank = OptionOrWord<IntegerOption>(
        "rank", in: 0...65536, or: "auto",
        "the rank of every layer beside a pattern, at most that of the matrix; auto is what keep leaves above half",
        requires: [.equals(pattern, .twoOfFour, .fourOfEight), .absent(ParameterBudget.option)])
    public static let options: [any PassOption] =
        [ParameterBudget.option, rankRatio, pattern, rank, StoredDType.option] + LayerRatios.options + [TensorSelection.option]
    public static let reads: PassReads = [.values, .calibration]
    public static let leaves = PassResult.parts

    private let keep: Double
    private let rankRatio: Double
    private let pattern: EntryPattern
    /// Beside a pattern; nil for what `keep` leaves.
    private let rank: Int?
    private let dtype: StoredDType
    private let ratios: LayerRatios
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        keep = options[ParameterBudget.option]
        guard keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
        rankRatio = options[Self.rankRatio]
        pattern = options[Self.pattern]
        rank = options[Self.rank]
        dtype = options[StoredDType.option]
        ratios = LayerRatios(options)
        selection = TensorSelection(options)
        guard pattern == .none || keep >= 0.5 && ratios.areUniform else {
            throw PassError(.usage, pass: Self.name, "pattern=\(pattern.rawValue) goes with a keep of 0.5 or more and ratios=uniform")
        }
    }

    public var needsCalibration: Bool { true }

    /// The calibration, and a forward pass more for the inputs of compressed blocks; some 200 steps and 60 penalties.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let layers = try selection.cost(of: graph, pass: Self.name) { m, n in
            let (rank, _) = parts(Int(m), Int(n), parameters: Int(keep * m * n))
            return PassCost(
                operations: 400 * m * n * n + 800 * m * n * Double(rank) + 160 * n * n * n, bytesMoved: 20_000 * m * n,
                workingBytes: 40 * m * n + 20 * n * n, resultBytes: 2 * keep * m * n + 2 * Double(rank) * (m + n) + m * n / 8,
                parallelism: 1)
        }
        guard let calibration else { return nil }
        var cost = calibration.ofLayerwise(layers, needsSecondMoments: true)
        cost.operations += calibration.forward
        return cost
    }

    /// Rank and entries of a layer.
    private func parts(_ m: Int, _ n: Int, parameters: Int) -> (rank: Int, kept: KeptEntries) {
        if let group = pattern.group, let entries = pattern.entries(m, n) {
            let found = rank.map { min($0, m, n) } ?? ParameterBudget.rank(of: max(parameters - entries, 0), m, n)
            return (found, .pattern(kept: group.kept, size: group.size))
        }
        let rank = ParameterBudget.rank(of: Int(rankRatio * Double(parameters)), m, n)
        return (rank, .count(parameters - rank * (m + n)))
    }

    /// The share of the parameters that stays.
    private func share(_ tensors: [Tensor]) -> Double {
        guard rank != nil else { return keep }
        let kept = tensors.reduce(0) { sum, tensor in
            let (m, n) = (tensor.shape.rows, tensor.shape.columns)
            return sum + (pattern.entries(m, n) ?? 0) + parts(m, n, parameters: 0).rank * (m + n)
        }
        let total = tensors.reduce(0) { $0 + $1.shape.elementCount }
        // Half a parameter more, so that rounding does not take one away.
        return (Double(kept) + 0.5) / Double(max(total, 1))
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        let layers = try CalibratedLayers(graph, selection, pass: Self.name, context, statistics: .norms)
        let counts = try ratios.counts(layers, keep: keep)
        return try layers.replaceInTurn(in: &graph, keep: share(layers.tensors)) { h in
            SparseLowRankSolver(try ScaledInputs(secondMoment: h, context.execution), .threeBlocks)
        } _: { layer, solver in
            let (rank, kept) = parts(layer.weight.rows, layer.weight.columns, parameters: counts[layer.index])
            let solution = try solver.solve(layer.weight, keeping: kept, rank: rank, layer.execution)
            let result = PruningResult(name: layer.tensor.name, lowRank: solution.lowRank, sparse: solution.sparse)
            return try result.payload(result.storageDType(dtype, for: layer.tensor))
        }
    }
}
