/// How work is shared out among ranks: by numbers alone, so that all ranks come to the same.
public enum Shares {
    /// Ranges of 0 ..< n, one a rank, in order, whose sizes differ by at most one.
    public static func ranges(_ n: Int, among ranks: Int) -> [Range<Int>] {
        (0..<ranks).map { n * $0 / ranks..<n * ($0 + 1) / ranks }
    }

    /// The rank of each item: the dearest first, each to the rank that has the least to do so far. No rank has more than 4/3 of what the best
    /// way would leave to its busiest (Graham 1969); of many items of like cost all have the same, nearly.
    public static func owners(_ costs: [Double], among ranks: Int) -> [Int] {
        var owners = [Int](repeating: 0, count: costs.count)
        var loads = [Double](repeating: 0, count: max(ranks, 1))
        for item in costs.indices.sorted(by: { (costs[$1], $0) < (costs[$0], $1) }) {
            let least = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
            owners[item] = least
            loads[least] += costs[item]
        }
        return owners
    }
}

extension Ensemble {
    /// The rank of each item, for these ranks.
    public func owners(_ costs: [Double]) -> [Int] { Shares.owners(costs, among: count) }
}
