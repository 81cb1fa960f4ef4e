/// `total` split over parts in proportion to their sizes, in whole numbers: part [a, b) of [0, length) gets
/// ⌊total·b/length⌋ − ⌊total·a/length⌋, so that the parts add up to `total` and none is off by one or more.
public struct EvenShares {
    private let total: Int
    private let length: Int

    public init(of total: Int, over length: Int) {
        self.total = total
        self.length = max(length, 1)
    }

    public subscript(_ range: Range<Int>) -> Int { upTo(range.upperBound) - upTo(range.lowerBound) }
    public subscript(_ index: Int) -> Int { self[index..<index + 1] }

    /// Exact without overflow: total·b in full width.
    private func upTo(_ bound: Int) -> Int { length.dividingFullWidth(total.multipliedFullWidth(by: bound)).quotient }
}
