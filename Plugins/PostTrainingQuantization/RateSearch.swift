import CLibrary

/// Looks for the step at which a rate that falls with the step meets a target.
struct RateSearch {
    /// The rate may end this share below the target, never above it.
    let slack: Double
    /// Steps that are tried.
    var limit = RateSearch.usualLimit
    static let usualLimit = 24

    /// Of neighbours in octaves, between which a rate hardly changes: where it seems to, it has fallen at all steps since the one of them was tried, as
    /// the lengths of codes settled, and that one is tried no more. Twice, for a rate that does jump.
    private static let doubtfulDistance = 0.004
    private static let mostDoubts = 2

    /// By how many octaves the step is moved that came to a rate, where one is aimed at and nothing else is known: a step twice as wide saves a bit a
    /// value where rates are high, and less where they are low.
    static func change(_ found: Double, aim: Double) -> Double {
        let ratio = found / max(aim, .leastNormalMagnitude)
        return ratio > 1 ? max(0.02, min(2, 2 * log2(ratio))) : min(-0.02, max(-2, 2 * log2(ratio)))
    }

    /// - Parameters:
    ///   - start: a step to begin with, above 0.
    ///   - rate: called with one step after another.
    /// - Returns: the first step whose rate is in the slack; where none is, the one below the target that came nearest; nil where every
    ///   one was above it.
    func find(target: Double, start: Double, rate: (Double) throws -> Double) rethrows -> (step: Double, rate: Double)? {
        // Aims inside the slack, and within the last steps on either side once there are both: they are the nearest, and where lengths still settle
        // those before them say what is no longer so.
        let aim = target * (1 - slack / 2)
        var (below, above): ((x: Double, rate: Double)?, (x: Double, rate: Double)?) = (nil, nil)
        var best: (x: Double, rate: Double)?
        var (x, doubts) = (log2(start), 0)
        for _ in 0..<limit {
            let found = try rate(exp2(x))
            if found <= target {
                below = (x, found)
                if best.map({ found >= $0.rate }) ?? true { best = (x, found) }
                if found >= target * (1 - slack) { return (exp2(x), found) }
            } else {
                above = (x, found)
            }
            if let low = below, let high = above, doubts < RateSearch.mostDoubts, abs(high.x - low.x) < RateSearch.doubtfulDistance {
                doubts += 1
                if found <= target { above = nil } else { below = nil }
            }
            if let below, let above {
                if abs(above.x - below.x) < 1e-6 { break }
                let share = (above.rate - aim) / (above.rate - below.rate)
                x = above.x + (below.x - above.x) * min(max(share, 0.05), 0.95)
            } else {
                x += RateSearch.change(found, aim: aim)
            }
        }
        return best.map { (exp2($0.x), $0.rate) }
    }
}
