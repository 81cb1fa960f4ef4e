import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// The parts of a payload that a target names, in a fixed order: each as a matrix with what its errors cost.
struct CodedParts {
    let target: Set<QuantizePass.Part>
    let name: String
    let execution: ExecutionContext
    /// Whether scales of columns are stored with all bits of BF16.
    var columnsAreFine = false
    /// Neighbouring values of S that share a scale.
    private static let sparseGroupSize = 128

    /// - Parameters:
    ///   - curvature: of the whole tensor [m, n].
    ///   - visit: is given each part and the matrix that it is rounded as.
    /// - Throws: `GraphError.notFinite`; `LinearAlgebraError`.
    func walk(_ payload: Payload, _ curvature: WeightCurvature, _ visit: (Payload, CodedMatrix) throws -> Void) throws {
        switch payload {
        case .dense where target.contains(.dense), .blocks where target.contains(.dense):
            try visit(
                payload, try CodedMatrix(CodedValues(payload, name: name), curvature: curvature, columnsAreFine: columnsAreFine, execution))
        case .lowRank(let factors) where target.contains(.uv) && factors.rank > 0:
            let (u, v) = (try factors.u.densifiedMatrix(execution), try factors.v.densifiedMatrix(execution))
            guard u.isFinite, v.isFinite else { throw GraphError.notFinite("tensor '\(name)'") }
            let inner = try v.times(curvature.inputs, on: execution).times(v, otherAs: .transposed, on: execution)
            try visit(
                factors.u,
                try CodedMatrix(
                    CodedValues(factors.u, name: name), curvature: WeightCurvature(inputs: inner, rows: curvature.rows),
                    columnsAreFine: columnsAreFine, execution))
            let rows = (0..<u.columns).map { k in
                (0..<u.rows).reduce(0.0) { $0 + curvature.rows[$1] * Double(u[$1, k]) * Double(u[$1, k]) }
            }
            try visit(
                factors.v,
                try CodedMatrix(
                    CodedValues(factors.v, name: name), curvature: WeightCurvature(inputs: curvature.inputs, rows: rows),
                    columnsAreFine: columnsAreFine, execution))
        case .sparse(let sparse) where target.contains(.s) && sparse.pattern.nonZeroCount > 0:
            let places = try sparse.pattern.positions().map(Int.init)
            let importance = { (_: Int, slot: Int) -> Double in
                let (row, column) = (places[slot] / sparse.pattern.columns, places[slot] % sparse.pattern.columns)
                return curvature.rows[row] * Double(curvature.inputs[column, column])
            }
            try visit(
                sparse.values,
                try CodedMatrix(
                    CodedValues(sparse.values, name: name), importance: importance, groupSize: CodedParts.sparseGroupSize, execution))
        case .composite(let terms):
            if CodedParts.isCoded(terms) { return }
            for term in terms { try walk(term, curvature, visit) }
        default: return
        }
    }

    /// The payload with each visited part replaced, in the order of `walk`.
    ///
    /// - Parameter next: is given the part that was there.
    func rebuild(_ payload: Payload, _ next: (Payload) throws -> Payload) throws -> Payload {
        switch payload {
        case .dense where target.contains(.dense), .blocks where target.contains(.dense): return try next(payload)
        case .lowRank(let factors) where target.contains(.uv) && factors.rank > 0:
            let u = try next(factors.u)
            return .lowRank(try LowRankTensor(u: u, v: try next(factors.v)))
        case .sparse(let sparse) where target.contains(.s) && sparse.pattern.nonZeroCount > 0:
            return .sparse(try SparseTensor(pattern: sparse.pattern, values: try next(sparse.values)))
        case .composite(let terms):
            return CodedParts.isCoded(terms) ? payload : .composite(try terms.map { try rebuild($0, next) })
        default: return payload
        }
    }

    /// Whether codes of a dense tensor are among the terms: factors beside them were taken off it when it was coded, and stay.
    static func isCoded(_ terms: [Payload]) -> Bool {
        terms.contains { if case .quantized = $0 { true } else { false } }
    }
}
