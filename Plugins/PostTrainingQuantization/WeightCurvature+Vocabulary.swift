import ModelGraph
import PassKit

extension WeightCurvature {
    /// Share of the mean over all tokens in the price of a token's embedding: counts in a short text are small numbers.
    private static let commonShare = 0.4
    /// What the head's prices are multiplied by after they were drawn together.
    private static let headShare = 0.5

    /// Makes prices of single tokens, of which a calibration text holds few, less extreme.
    ///
    /// Of an embedding: rows become a mean of their own and the common price. Of a head, whose rare tokens cost more than the
    /// curvature at small errors says: rows become the square roots of what they were, around the same mean, and half of that.
    mutating func temper(role: TensorRole) {
        let mean = rows.reduce(0, +) / Double(max(rows.count, 1))
        guard mean > 0 else { return }
        switch role {
        case .embedding: rows = rows.map { (1 - Self.commonShare) * $0 + Self.commonShare * mean }
        case .head:
            let roots = rows.map { ($0 / mean).squareRoot() }
            let scale = Self.headShare * mean / (roots.reduce(0, +) / Double(roots.count))
            rows = roots.map { $0 * scale }
        default: return
        }
    }
}
