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

    /// Figures of what became of the layer: rank, density where there are entries, and where inputs are known the error of the outputs, or
    /// with norms alone of the entries weighted by them, as if inputs were not correlated.
    ///
    /// - Parameter outputError: tr(E H Eᵀ) with E = W' − W where the pass knows it; else it is computed, in m·n² operations.
    public func measurements(of payload: Payload, outputError: Double? = nil) throws -> [Measurement] {
        var figures = [Measurement(name: "rank", value: Double(payload.rank))]
        if let density = payload.density { figures.append(Measurement(name: "density", value: density)) }
        if let secondMoment {
            let error =
                try outputError.map { try relative(outputError: $0, of: weight, secondMoment: secondMoment) }
                ?? relativeOutputError(of: payload.densifiedMatrix(), to: weight, secondMoment: secondMoment)
            figures.append(Measurement(name: "outputError", value: error))
        } else if case .norms(let norms) = inputs {
            let error = (try payload.densifiedMatrix() - weight).scalingColumns(by: norms).squaredFrobeniusNorm
            let scale = weight.scalingColumns(by: norms).squaredFrobeniusNorm
            figures.append(Measurement(name: "weightedError", value: error == 0 ? 0 : error / scale))
        }
        return figures
    }
}

/// tr(E H Eᵀ) / tr(W H Wᵀ) with E = W' − W: the energy of the error in the layer's outputs over the outputs' own.
///
/// - Returns: 0 when there is no error, infinite when only W H Wᵀ is zero.
public func relativeOutputError(of approximation: Matrix, to weight: Matrix, secondMoment h: Matrix) throws -> Double {
    let execution = ExecutionContext(threads: 1)
    return try relative(outputError: (approximation - weight).energy(in: h, execution), of: weight, secondMoment: h)
}

/// tr(E H Eᵀ), below 0 by rounding at most, over tr(W H Wᵀ).
private func relative(outputError: Double, of weight: Matrix, secondMoment h: Matrix) throws -> Double {
    outputError <= 0 ? 0 : outputError / (try weight.energy(in: h, ExecutionContext(threads: 1)))
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
