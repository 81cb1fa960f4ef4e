/// The final choice of CAP: units in the order of their scores, as long as the budget lasts (arXiv 2505.03801, section 3.2).
struct UnitSelection {
    let pools: [CandidatePool]
    let budget: Int

    /// Takes units by falling score; ties by pool, singular values before entries, then position. A unit that does not fit any more is
    /// passed over. The cost is never above the budget, and below it by less than the cheapest unit left out.
    func select(_ scores: BernoulliPolicy.Probabilities) -> UnitMasks {
        struct Unit {
            let score: Float
            let pool: Int32
            let isTriplet: Bool
            let position: Int32
        }
        var units: [Unit] = []
        units.reserveCapacity(pools.reduce(0) { $0 + $1.values.count + $1.lowRank.rank })
        for pool in pools.indices {
            for (position, score) in scores.triplets[pool].enumerated() {
                units.append(Unit(score: score, pool: Int32(pool), isTriplet: true, position: Int32(position)))
            }
            for (position, score) in scores.entries[pool].enumerated() {
                units.append(Unit(score: score, pool: Int32(pool), isTriplet: false, position: Int32(position)))
            }
        }
        // The sort is stable by construction: equal scores keep the order in which they were appended.
        let order = units.indices.sorted { units[$0].score != units[$1].score ? units[$0].score > units[$1].score : $0 < $1 }
        var masks = UnitMasks(
            triplets: pools.map { [Bool](repeating: false, count: $0.lowRank.rank) },
            entries: pools.map { [Bool](repeating: false, count: $0.values.count) })
        var left = budget
        for index in order {
            let unit = units[index]
            let cost = unit.isTriplet ? pools[Int(unit.pool)].rankOneCost : 1
            guard cost <= left else { continue }
            left -= cost
            if unit.isTriplet {
                masks.triplets[Int(unit.pool)][Int(unit.position)] = true
            } else {
                masks.entries[Int(unit.pool)][Int(unit.position)] = true
            }
            if left == 0 { break }
        }
        return masks
    }
}
