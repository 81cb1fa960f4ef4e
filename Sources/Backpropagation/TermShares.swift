import Execution

/// How the sequences of a calibration set are summed over: some in a row are a term of a sum, and each rank has terms in a row.
///
/// What is a term depends on the set alone, and so do the sums. There are 64 terms and more where there are as many sequences, each of some 2048
/// tokens at most: as many ranks have work.
package struct TermShares {
    /// Sequences in a term; the last may have fewer.
    package let sequencesPerTerm: Int
    /// The terms of each rank.
    package let ranges: [Range<Int>]
    private let sequenceCount: Int
    private let rank: Int

    private static let terms = 64
    private static let mostTokens = 2048

    package init(_ sequences: [[Int32]], _ ensemble: any Ensemble) {
        let count = sequences.count
        let longest = max(sequences.map(\.count).max() ?? 1, 1)
        sequencesPerTerm = max(1, min(Self.mostTokens / longest, count / Self.terms))
        ranges = Shares.ranges((count + sequencesPerTerm - 1) / sequencesPerTerm, among: ensemble.count)
        (sequenceCount, rank) = (count, ensemble.rank)
    }

    /// The terms of this rank.
    package var own: Range<Int> { ranges[rank] }

    /// The sequences of some terms.
    package func sequences(of terms: Range<Int>) -> Range<Int> {
        min(terms.lowerBound * sequencesPerTerm, sequenceCount)..<min(terms.upperBound * sequencesPerTerm, sequenceCount)
    }

    /// This rank's terms, some at a time: as few as have so many sequences.
    package func waves(_ sequences: Int) -> [Range<Int>] {
        let size = max(1, (sequences + sequencesPerTerm - 1) / sequencesPerTerm)
        return stride(from: own.lowerBound, to: own.upperBound, by: size).map { $0..<min($0 + size, own.upperBound) }
    }
}
