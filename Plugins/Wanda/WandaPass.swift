import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// Keeps the entries with the largest product of magnitude and input norm, |Wᵢⱼ|·‖Xⱼ‖₂, values unchanged (Wanda, Sun et al. 2023,
/// arXiv 2306.11695, equation 1).
///
/// As published, the entries of one output row are compared with each other (`scope=row`), or those of each group of a pattern. A layer costs one pass over its mn
/// entries once its inputs are known.
public struct WandaPass: Pass {
    public static let name = "wanda"
    public static let summary = "keep the entries of largest magnitude times input norm"
    private static let pattern = EntryPattern.option("goes with keep=0.5")
    private static let scope = ChoiceOption<ComparisonGroup>(
        "scope", default: .row, "compare the entries of one output row, or of the whole layer", requires: [.equals(pattern, .none)])
    public static let options: [any PassOption] =
        [ParameterBudget.option, pattern, scope] + LayerRatios.options + [TensorSelection.option]
    public static let reads: PassReads = [.values, .calibration]
    public static let leaves = PassResult.entries

    private let keep: Double
    private let pattern: EntryPattern
    private let scope: ComparisonGroup
    private let ratios: LayerRatios
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        keep = options[ParameterBudget.option]
        guard keep > 0 else { throw PassError(.usage, pass: Self.name, "keep=0 leaves nothing of the model") }
        pattern = options[Self.pattern]
        scope = options[Self.scope]
        ratios = LayerRatios(options)
        selection = TensorSelection(options)
        guard pattern == .none || keep == 0.5 && ratios.areUniform else {
            throw PassError(.usage, pass: Self.name, "pattern=\(pattern.rawValue) goes with keep=0.5 and ratios=uniform")
        }
    }

    public var needsCalibration: Bool { true }

    /// The calibration, some fifty passes over the entries, no products.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let layers = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(
                operations: 0, bytesMoved: 200 * m * n, workingBytes: 28 * m * n,
                resultBytes: 2 * keep * m * n + m * n / 8,
                parallelism: 1)
        }
        return calibration?.ofLayerwise(layers, needsSecondMoments: false)
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        let layers = try CalibratedLayers(graph, selection, pass: Self.name, context, statistics: .norms)
        let counts = try ratios.counts(layers, keep: keep)
        return try layers.replace(in: &graph, keep: keep) { layer in
            let (norms, n) = (try layer.requireInputNorms(), layer.weight.columns)
            let byPattern = try pattern.keeping(layer.weight, largestOf: layer.weight.scalingColumns(by: norms), layer.execution)
            let kept =
                try byPattern
                ?? layer.weight.keepingLargest(counts[layer.index], within: scope, layer.execution) { row in
                    zip(layer.weight.elements[row * n..<(row + 1) * n], norms).map { abs($0 * $1) }
                }
            let dtype = layer.tensor.dtype.isComputable ? layer.tensor.dtype : .f32
            return .sparse(try SparseTensor(nonZerosOf: kept, dtype: dtype, layer.execution))
        }
    }
}
