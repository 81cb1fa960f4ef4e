import LinearAlgebra

/// Which entries compete with each other for a place.
public enum ComparisonGroup: String, CaseIterable, Sendable {
    /// Those of one output row.
    case row
    /// Those of the whole layer.
    case layer
}

extension Matrix {
    /// The matrix with only the `count` entries of largest score, in the whole layer or the same share of each row, the others zero.
    ///
    /// Ties are kept in row-major order. Rows differ by at most one entry when `count` is no multiple of their number.
    ///
    /// - Parameter scores: one an entry, row-major, none negative or NaN.
    public func keepingLargest(_ count: Int, by scores: [Float], within group: ComparisonGroup) -> Matrix {
        precondition(scores.count == elements.count, "\(scores.count) scores for \(elements.count) entries")
        if group == .layer {
            return Matrix(rows: rows, columns: columns, elements: Self.largest(count, of: elements[...], by: scores[...]))
        }
        let shares = EvenShares(of: count, over: rows)
        var kept: [Float] = []
        kept.reserveCapacity(elements.count)
        for row in 0..<rows {
            let range = row * columns..<(row + 1) * columns
            kept += Self.largest(shares[row], of: elements[range], by: scores[range])
        }
        return Matrix(rows: rows, columns: columns, elements: kept)
    }

    private static func largest(_ count: Int, of values: ArraySlice<Float>, by scores: ArraySlice<Float>) -> [Float] {
        if count <= 0 { return [Float](repeating: 0, count: values.count) }
        if count >= values.count { return Array(values) }
        let pieces = [Array(scores)]
        let kept = OrderStatistic(largest: count, of: pieces).selection(of: pieces)[0]
        return zip(values, kept).map { $1 ? $0 : 0 }
    }
}
