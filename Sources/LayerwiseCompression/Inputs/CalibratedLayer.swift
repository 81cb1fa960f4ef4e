import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// One matrix to compress, with the statistics of its inputs.
public struct CalibratedLayer {
    /// Position among the selected tensors.
    public let index: Int
    public let tensor: Tensor
    /// W [out, in], all finite.
    public let weight: Matrix
    /// What is known of the layer's inputs, all finite; nil when the pass runs without.
    let inputs: Inputs?
    let pass: String
    /// Threads that the work on this layer may use: all of them, or a share where several layers have the same inputs and go side by side.
    public let execution: ExecutionContext

    enum Inputs {
        /// H = XᵀX / N [in, in].
        case secondMoment(Matrix)
        /// √Hⱼⱼ, [in].
        case norms([Float])

        var isFinite: Bool {
            switch self {
            case .secondMoment(let h): return h.isFinite
            case .norms(let norms): return norms.allSatisfy(\.isFinite)
            }
        }
    }

    /// H = XᵀX / N [in, in]; nil when the pass runs without inputs, or asked for their norms alone.
    public var secondMoment: Matrix? {
        guard case .secondMoment(let h) = inputs else { return nil }
        return h
    }

    /// H, for a pass that cannot do without.
    public func requireSecondMoment() throws -> Matrix {
        guard let secondMoment else {
            throw PassError(.unsupported, pass: pass, "the inputs of '\(tensor.name)' were not seen in calibration")
        }
        return secondMoment
    }

    /// ‖Xⱼ‖₂ / √N, the root mean square of each input, [in].
    public func requireInputNorms() throws -> [Float] {
        if case .norms(let norms) = inputs { return norms }
        return try requireSecondMoment().diagonalRoots
    }

    /// Figures of what became of the layer: rank, density where there are entries, and where inputs are known the energy of the error in the
    /// outputs over their own, tr(E H Eᵀ) / tr(W H Wᵀ) with E = W' − W, infinite when only the outputs are zero; or with norms alone that of
    /// the entries weighted by them, as if inputs were not correlated.
    ///
    /// - Parameter outputError: tr(E H Eᵀ) where the pass knows it; else it is computed, in m·n² operations.
    public func measurements(of payload: Payload, outputError: Double? = nil) throws -> [Measurement] {
        var figures = [Measurement(name: "rank", value: Double(payload.rank))]
        if let density = payload.density { figures.append(Measurement(name: "density", value: density)) }
        if let secondMoment {
            // Rounding may leave a sum of squares below 0.
            let energy = max(try outputError ?? (payload.densifiedMatrix() - weight).energy(in: secondMoment, execution), 0)
            let error = energy == 0 ? 0 : energy / (try weight.energy(in: secondMoment, execution))
            figures.append(Measurement(name: "outputError", value: error))
        } else if case .norms(let norms) = inputs {
            let (read, n) = (try payload.floatRows(), weight.columns)
            let runs = Payload.rowRuns(rows: weight.rows, columns: n)
            let sums = try execution.uncheckedParallelMap(runs.count) { index -> (error: Double, scale: Double) in
                let dense = weight.rows(runs[index])
                let kept = try Matrix(runs[index], columns: n, of: read)
                return (
                    (kept - dense).scalingColumns(by: norms).squaredFrobeniusNorm, dense.scalingColumns(by: norms).squaredFrobeniusNorm
                )
            }
            let (error, scale) = sums.reduce((0, 0)) { ($0.0 + $1.error, $0.1 + $1.scale) }
            figures.append(Measurement(name: "weightedError", value: error == 0 ? 0 : error / scale))
        }
        return figures
    }
}

extension Matrix {
    /// A · diag(d).
    public func scalingColumns(by d: [Float]) -> Matrix {
        precondition(d.count == columns, "\(d.count) factors for \(columns) columns")
        return Matrix(rows: rows, columns: columns) { out in
            elements.withUnsafeBufferPointer { a in
                for row in 0..<rows {
                    for column in 0..<columns { out[row * columns + column] = a[row * columns + column] * d[column] }
                }
            }
        }
    }
}
