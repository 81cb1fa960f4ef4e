import CLibrary
import Execution
import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

extension CodedMatrix {
    private static let settings = SolverSettings.single

    /// A matrix [out, in] whose errors cost what its curvature says.
    ///
    /// - Parameter columnsAreFine: whether scales of columns are stored with all bits of BF16.
    /// - Throws: `LinearAlgebraError` when the damped H is not positive definite; `GraphError.notFinite`; `ScratchError`.
    init(_ values: CodedValues, curvature: WeightCurvature, columnsAreFine: Bool = false, _ execution: ExecutionContext) throws {
        let n = values.columns
        let made = try curvature.inputs.damped(CodedMatrix.settings.damping).upperCholeskyOfInverse(execution)
        let diagonal = (0..<n).map { made[$0, $0] }
        // Column scales around 1, so that row scales are steps of weights.
        let centre = exp(diagonal.reduce(0.0) { $0 + log(Double($1)) } / Double(max(n, 1)))
        self.values = values
        self.columnsAreFine = columnsAreFine
        factor = try FloatBuffer(copying: made.elements, execution.memory)
        inputs = try FloatBuffer(copying: curvature.inputs.elements, execution.memory)
        groupSize = max(n, 1)
        columnScales = diagonal.map { $0 / Float(centre) }
        rowScales = CodedMatrix.floored(curvature.rows).map { CodedMatrix.finite(centre / $0.squareRoot()) }
        let storable = columnScales?.map { CodedMatrix.storable($0, isFine: columnsAreFine) }
        (squaredNorm, leastScales) = try values.measure(groupSize: groupSize, storable, execution)
        factor?.letGo()
        inputs?.letGo()
    }

    /// A matrix or a vector whose elements cost what `importance` says, each by itself: a scale for each group of a row.
    init(
        _ values: CodedValues, importance: (_ row: Int, _ column: Int) -> Double, groupSize: Int, _ execution: ExecutionContext
    ) throws {
        self.values = values
        self.groupSize = max(min(groupSize, values.columns), 1)
        factor = nil
        inputs = nil
        columnScales = nil
        columnsAreFine = false
        var means: [Double] = []
        for row in 0..<values.rows {
            for start in stride(from: 0, to: values.columns, by: self.groupSize) {
                let group = start..<min(start + self.groupSize, values.columns)
                means.append(group.reduce(0) { $0 + importance(row, $1) } / Double(group.count))
            }
        }
        rowScales = CodedMatrix.floored(means).map { CodedMatrix.finite(1 / $0.squareRoot()) }
        (squaredNorm, leastScales) = try values.measure(groupSize: self.groupSize, nil, execution)
    }

    /// The same without some components of the values; with all of them for nil.
    func without(_ leading: LowRankTensor?, _ execution: ExecutionContext) throws -> CodedMatrix {
        let values = try values.without(leading)
        let (square, least) = try values.measure(groupSize: groupSize, storableColumns, execution)
        return CodedMatrix(
            values: values, squaredNorm: square, rowScales: rowScales, groupSize: groupSize, leastScales: least, columnScales: columnScales,
            columnsAreFine: columnsAreFine, factor: factor, inputs: inputs)
    }

    /// The weights with a share of their mean mixed in; all 1 when they are all 0.
    private static func floored(_ weights: [Double]) -> [Double] {
        let mean = weights.reduce(0, +) / Double(max(weights.count, 1))
        guard mean > 0 else { return weights.map { _ in 1 } }
        let least = settings.prices.leastShare
        return weights.map { (1 - least) * $0 + least * mean }
    }
}
