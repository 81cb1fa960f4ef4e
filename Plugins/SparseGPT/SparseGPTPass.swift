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
    public static let options =
        [
            PassOption("keep", .number(0...1, allowsAuto: false), default: "0.5", "share of the selected tensors' parameters to keep"),
            PassOption(
                "pattern", .choice(["none", "2:4", "4:8"]), default: "none",
                "keep so many of so many consecutive entries of a row; goes with keep=0.5"),
            PassOption("blocksize", .integer(8...65536), default: "128", "columns whose mask is chosen together"),
            StoredDType.option,
        ] + LayerRatios.options + [TensorSelection.option]

    private let keep: Double
    private let pattern: SparseGPTSolver.Target?
    private let blockSize: Int
    private let dtype: StoredDType
    private let ratios: LayerRatios
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        keep = options.number("keep")
        let word = options.word("pattern")
        pattern = word == "none" ? nil : .pattern(kept: word == "2:4" ? 2 : 4, of: word == "2:4" ? 4 : 8)
        blockSize = options.integer("blocksize")
        dtype = StoredDType(options)
        ratios = LayerRatios(options)
        selection = TensorSelection(options)
        guard pattern == nil || keep == 0.5 && ratios.areUniform && blockSize % 8 == 0 else {
            throw PassError(.usage, pass: Self.name, "pattern=\(word) goes with keep=0.5, ratios=uniform and a blocksize divisible by 8")
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
