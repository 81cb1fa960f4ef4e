/// Entries that groups keep, of shares that were learned: all together exactly as many as the budget says, by one shift of all shares.
struct ExactCounts {
    /// Of each group.
    let kept: [Int]

    private static let halvings = 60

    /// - Parameters:
    ///   - shares: the density that was learned of each group, 0…1.
    ///   - sizes: entries of each group.
    ///   - total: entries that are kept, at most the sum of the sizes.
    init(_ shares: [Double], sizes: [Int], total: Int) {
        func wanted(_ shift: Double) -> [Double] { zip(shares, sizes).map { min(max($0 + shift, 0), 1) * Double($1) } }
        var (low, high) = (-1.0, 1.0)
        for _ in 0..<ExactCounts.halvings {
            let middle = (low + high) / 2
            if wanted(middle).reduce(0, +) < Double(total) { low = middle } else { high = middle }
        }
        let exact = wanted(high)
        var kept = zip(exact, sizes).map { min(Int($0.rounded(.down)), $1) }
        // The largest remainders get what is left; of equal ones the first.
        let order = exact.indices.sorted { (exact[$0] - Double(kept[$0]), $1) > (exact[$1] - Double(kept[$1]), $0) }
        var left = total - kept.reduce(0, +)
        while left != 0 {
            let before = left
            for index in left > 0 ? order : order.reversed() where left != 0 {
                let step = left > 0 ? 1 : -1
                guard (0...sizes[index]).contains(kept[index] + step) else { continue }
                kept[index] += step
                left -= step
            }
            if left == before { break }
        }
        self.kept = kept
    }
}
