import Execution
import ModelGraph

extension ExecutionContext {
    /// Matrices [m, n] and [n, n] that work on a layer may hold: a solve has H scaled, damped and factorised, or its eigenvectors on the way from
    /// tridiagonal form, a root of it and that one's inverse.
    private static let (workingMatrices, workingMoments) = (8.0, 6.0)

    /// For work on some layers side by side: as many threads as half of the memory is enough for.
    ///
    /// - Parameter knowsMoments: whether it is against second moments of inputs.
    func sharing(layers shapes: [Shape], knowsMoments: Bool) -> ExecutionContext {
        let bytes = shapes.map { shape in
            let (m, n) = (Double(shape.rows), Double(shape.columns))
            return 4 * (Self.workingMatrices * m * n + (knowsMoments ? Self.workingMoments * n * n : 0))
        }
        return sharing(bytesEach: Int(min(bytes.max() ?? 0, 1e18)))
    }
}
