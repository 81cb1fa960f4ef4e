import LinearAlgebra

extension SolverSettings.Damping {
    /// δ · mean(diag H).
    public func added(to h: Matrix) -> Float {
        let count = max(h.rows, 1)
        let mean =
            sumsInDouble
            ? Float((0..<h.rows).reduce(0.0) { $0 + Double(h[$1, $1]) } / Double(count))
            : (0..<h.rows).reduce(Float(0)) { $0 + h[$1, $1] } / Float(count)
        return mean > 0 ? max(share * mean, .leastNormalMagnitude) : ofZero
    }
}

extension Matrix {
    /// H + δ · mean(diag H) · I of a second moment H [n, n].
    public func damped(_ damping: SolverSettings.Damping) -> Matrix {
        var damped = self
        let added = damping.added(to: self)
        for j in 0..<rows { damped[j, j] += added }
        return damped
    }
}
