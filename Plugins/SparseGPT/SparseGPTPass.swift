import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// Prunes each layer with second-order error correction (SparseGPT, Frantar and Alistarh 2023, arXiv 2301.00774).
///
/// Values change, so they are stored as `dtype`. A layer [m, n] costs about 2n³/3 + 2m·n² operations.
public struct SparseGPTPass: Pass {
    public static let name = "sparsegpt"
    public static let summary = "prune column by column, each error made good in the columns that follow"
    /// How many of how many consecutive entries stay.
    enum Pattern: String, CaseIterable, Sendable {
        case none
        case twoOfFour = "2:4"
        case fourOfEight = "4:8"

        var target: SparseGPTSolver.Target? {
            switch self {
            case .none: return nil
            case .twoOfFour: return .pattern(kept: 2, of: 4)
            case .fourOfEight: return .pattern(kept: 4, of: 8)
            }
        }
    }

    private static let pattern = ChoiceOption<Pattern>(
        "pattern", default: .none, "keep so many of so many consecutive entries of a row; goes with keep=0.5")
    private static let blockSize = IntegerOption(
        "blocksize", in: 8...65536, default: 128, "columns whose mask is chosen together", requires: [.equals(pattern, .none)])
    public static let options: [any PassOption] =
        [ParameterBudget.option, pattern, blockSize, StoredDType.option] + LayerRatios.options + [TensorSelection.option]
    public static let reads: PassReads = [.values, .calibration]
    public static let leaves = PassResult.entries

    private let keep: Double
    private let pattern: SparseGPTSolver.Target?
    private let blockSize: Int
    private let dtype: StoredDType
    private let ratios: LayerRatios
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        keep = options[ParameterBudget.option]
        guard keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
        pattern = options[Self.pattern].target
        blockSize = options[Self.blockSize]
        dtype = options[StoredDType.option]
        ratios = LayerRatios(options)
        selection = TensorSelection(options)
        guard pattern == nil || keep == 0.5 && ratios.areUniform else {
            throw PassError(
                .usage, pass: Self.name, "pattern=\(options.text(of: Self.pattern)) goes with keep=0.5 and ratios=uniform")
        }
    }

    public var needsCalibration: Bool { true }

    /// The calibration; 2n³/3 operations for the inverse's factor at a third of the rate of products, mn² for feeding errors forward at half
    /// of it, and mn² for the energy of the outputs likewise.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let layers = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: 2 * n * n * n + 4 * m * n * n, bytesMoved: 400 * m * n, workingBytes: 28 * m * n + 12 * n * n,
                resultBytes: 2 * keep * m * n + m * n / 8, parallelism: 1)
        }
        return calibration?.ofLayerwise(layers, needsSecondMoments: true)
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        let layers = try CalibratedLayers(graph, selection, pass: Self.name, context)
        let counts = try ratios.counts(layers, keep: keep)
        return try layers.replace(in: &graph, keep: keep) { layer in
            let solver = try SparseGPTSolver(secondMoment: try layer.requireSecondMoment(), blockSize: blockSize)
            let target = pattern ?? .entries(counts[layer.index])
            let (kept, outputError) = try solver.prune(layer.weight, to: target, layer.execution)
            // The error is that of `kept` as computed: of rounding to 16 bits it has no part.
            let stored = dtype(for: layer.tensor, kept.elements)
            return (.sparse(try SparseTensor(nonZerosOf: kept, dtype: stored, layer.execution)), outputError)
        }
    }
}
