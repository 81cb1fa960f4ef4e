import Glibc
import LayerwiseCompression
import LinearAlgebra
import PassKit

extension CodedMatrix {
    private static let settings = SolverSettings.single

    /// A matrix [out, in] whose errors cost what its curvature says.
    ///
    /// - Throws: `LinearAlgebraError` when the damped H is not positive definite.
    init(_ values: Matrix, curvature: WeightCurvature) throws {
        let n = values.columns
        let factor = try curvature.inputs.damped(CodedMatrix.settings.damping).upperCholeskyOfInverse()
        let diagonal = (0..<n).map { factor[$0, $0] }
        // Column scales around 1, so that row scales are steps of weights.
        let centre = exp(diagonal.reduce(0.0) { $0 + log(Double($1)) } / Double(max(n, 1)))
        self.values = values
        self.factor = factor
        inputs = curvature.inputs
        groupSize = max(n, 1)
        columnScales = diagonal.map { $0 / Float(centre) }
        rowScales = CodedMatrix.floored(curvature.rows).map { Float(centre / $0.squareRoot()) }
        leastScales = CodedMatrix.leastScales(values, groupSize: groupSize, columnScales)
    }

    /// A matrix or a vector whose elements cost what `importance` says, each by itself: a scale for each group of a row.
    init(_ values: Matrix, importance: (_ row: Int, _ column: Int) -> Double, groupSize: Int) {
        self.values = values
        self.groupSize = max(min(groupSize, values.columns), 1)
        factor = nil
        inputs = nil
        columnScales = nil
        var means: [Double] = []
        for row in 0..<values.rows {
            for start in stride(from: 0, to: values.columns, by: self.groupSize) {
                let group = start..<min(start + self.groupSize, values.columns)
                means.append(group.reduce(0) { $0 + importance(row, $1) } / Double(group.count))
            }
        }
        rowScales = CodedMatrix.floored(means).map { Float(1 / $0.squareRoot()) }
        leastScales = CodedMatrix.leastScales(values, groupSize: self.groupSize, nil)
    }

    /// Other values of the same shape that cost the same.
    func replacing(_ values: Matrix) -> CodedMatrix {
        CodedMatrix(
            values: values, rowScales: rowScales, groupSize: groupSize,
            leastScales: CodedMatrix.leastScales(values, groupSize: groupSize, columnScales), columnScales: columnScales, factor: factor,
            inputs: inputs)
    }

    /// A little is left for what errors that are fed forward add.
    private static func leastScales(_ values: Matrix, groupSize: Int, _ columnScales: [Float]?) -> [Float] {
        let columns = columnScales?.map(storable)
        var least: [Float] = []
        for row in 0..<values.rows {
            for start in stride(from: 0, to: values.columns, by: groupSize) {
                let reach = (start..<min(start + groupSize, values.columns)).reduce(Float(0)) {
                    max($0, abs(values[row, $1]) / (columns?[$1] ?? 1))
                }
                least.append(reach / 112)
            }
        }
        return least
    }

    /// The weights with a share of their mean mixed in; all 1 when they are all 0.
    private static func floored(_ weights: [Double]) -> [Double] {
        let mean = weights.reduce(0, +) / Double(max(weights.count, 1))
        guard mean > 0 else { return weights.map { _ in 1 } }
        let least = settings.prices.leastShare
        return weights.map { (1 - least) * $0 + least * mean }
    }
}
