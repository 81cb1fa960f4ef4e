import LayerwiseCompression
import ModelGraph
import PassKit

extension WeightCurvature {
    /// Makes prices of single tokens, of which a calibration text holds few, less extreme.
    ///
    /// Of an embedding: rows become a mean of their own and the common price. Of a head, whose rare tokens cost more than the
    /// curvature at small errors says: rows become the square roots of what they were, around a share of the same mean.
    mutating func temper(role: TensorRole, _ settings: SolverSettings.Prices = SolverSettings.single.prices) {
        let mean = rows.reduce(0, +) / Double(max(rows.count, 1))
        guard mean > 0 else { return }
        switch role {
        case .embedding: rows = rows.map { (1 - settings.embeddingShare) * $0 + settings.embeddingShare * mean }
        case .head:
            let roots = rows.map { ($0 / mean).squareRoot() }
            let scale = settings.headShare * mean / (roots.reduce(0, +) / Double(roots.count))
            rows = roots.map { $0 * scale }
        default: return
        }
    }
}
