import Execution
import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import XCTest

@testable import CAP

/// Projection and policy of CAP's stage 2 beside NumPy, from the equations of arXiv 2505.03801, section 3.2.
final class PolicyReferenceTests: XCTestCase {
    /// The nearest point of the budget: exact, from the break points of the piecewise linear cost, where ours bisects.
    private static let projection = """
        def project(s, c, budget):
            cost = lambda nu: (c * np.clip(s - nu * c, 0, 1)).sum()
            if cost(0) <= budget: return np.clip(s, 0, 1)
            points = np.unique(np.concatenate([[0], s / c, (s - 1) / c])); points = points[points >= 0]
            costs = np.array([cost(p) for p in points])
            i = np.flatnonzero(costs > budget)[-1]
            share = (costs[i] - budget) / (costs[i] - costs[i + 1])
            return np.clip(s - (points[i] + share * (points[i + 1] - points[i])) * c, 0, 1)

        """

    func testProjectionIsThatOfNumPy() throws {
        let groups: [(cost: Double, count: Int)] = [(24, 9), (1, 400), (40, 17), (1, 250)]
        let generator = CounterGenerator(seed: 5, stream: 0)
        var next: UInt64 = 0
        // Below 0 and above 1, too, as after a step.
        let values = groups.map { group in
            (0..<group.count).map { _ -> Float in
                next += 1
                return generator.uniform(next) * 1.6 - 0.3
            }
        }
        let all = values.flatMap { $0 }
        let costs = groups.flatMap { [Float](repeating: Float($0.cost), count: $0.count) }
        for budget in [3.0, 100, 500, 5000] {
            var projected = zip(groups, values).map { BudgetProjection.Group(cost: $0.cost, values: $1) }
            try BudgetProjection(budget: budget).project(&projected, ExecutionContext(threads: 2))
            let theirs = try NumPy.result(
                of: Self.projection + "result = project(s.ravel(), c.ravel(), \(budget))",
                ["s": Matrix(rows: 1, columns: all.count, elements: all), "c": Matrix(rows: 1, columns: all.count, elements: costs)])
            for (ours, expected) in zip(projected.flatMap(\.values), theirs) {
                XCTAssertEqual(Double(ours), expected, accuracy: 2e-5, "budget \(budget)")
            }
        }
    }

    /// Sequence s of a layer has the loss (1 + s/10) · mean (W' − W)².
    private final class SquaredErrors: CalibrationProvider {
        let weights: [String: Matrix]
        let sequenceCount = 6
        let scoredTokensPerSequence = 1

        init(_ weights: [String: Matrix]) { self.weights = weights }

        func losses(sequences: [Int], replacing replaced: ReplacedWeights) throws -> [Double] {
            let error = try replaced.all().reduce(0.0) { sum, entry in
                guard let weight = weights[entry.key] else { return sum }
                return sum + (entry.value - weight).squaredFrobeniusNorm / Double(weight.elements.count)
            }
            return sequences.map { (1 + Double($0) / 10) * error }
        }

        func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] { [] }
        func forEachSecondMoment(
            of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
        ) throws {}
    }

    /// Losses of all steps and the probabilities that are learned, from the same draws.
    func testPolicyIsThatOfNumPy() throws {
        let (m, n, rank) = (8, 12, 4)
        let l = Matrix.randomLowRank(m, n, rank: rank, seed: 1)
        let s = Matrix.random(m, n, seed: 2)
        let triplets = try l.leadingSingularTriplets(rank)
        let payload = Payload.composite([
            .lowRank(try LowRankTensor(triplets, dtype: .f32)), .sparse(try SparseTensor(nonZerosOf: s, dtype: .f32)),
        ])
        let pool = try CandidatePool(
            Tensor(name: "w", shape: Shape(rows: m, columns: n), dtype: .f32, role: .linear, payload: payload), pass: "cap")
        let (passes, batch, window, budget, rate, seed) = (4, 4, 3, 70, 0.05, UInt64(11))
        let policy = BernoulliPolicy(pools: [pool], budget: budget, rate: rate, passes: passes, batch: batch, window: window)
        let calibration = SquaredErrors(["w": l + s])
        let outcome = try policy.learn(calibration, seed: seed, ExecutionContext(threads: 1))

        let steps = passes * 2
        var draws: [Float] = []
        for step in 0..<steps {
            for (kind, count) in [(UInt64(0), rank), (1, m * n)] {
                let generator = CounterGenerator(seed: seed, stream: UInt64(step) << 32 | kind)
                draws += (0..<count).map { generator.uniform(UInt64($0)) }
            }
        }
        let orders = (0..<passes).flatMap { CounterGenerator(seed: seed, stream: UInt64(1_000_000 + $0)).permutation(of: 6) }
        let theirs = try NumPy.result(
            of: Self.projection + """
                u, x, v = np.linalg.svd(l, full_matrices=False); u, x, v = u[:, :\(rank)], x[:\(rank)], v[:\(rank)]
                c = np.concatenate([np.full(\(rank), \(m + n)), np.ones(\(m * n))])
                p = project(np.concatenate([x / x.max(), np.abs(s.ravel()) / np.abs(s).max()]), c, \(budget))
                losses, start = [], p
                for t in range(\(steps)):
                    mask = (draws[t] < p).astype(float)
                    made = (u * x * mask[:\(rank)]) @ v + s * mask[\(rank):].reshape(s.shape)
                    batch = orders[t // 2][:4] if t % 2 == 0 else orders[t // 2][4:]
                    loss = (1 + batch / 10).mean() * ((made - l - s) ** 2).mean()
                    if losses:
                        advantage = loss - np.mean(losses[-\(window):])
                        p = project(p - \(rate) * advantage * (mask - p) / (p * (1 - p) + 1e-3), c, \(budget))
                    losses.append(loss)
                result = [losses, start, p]
                """,
            [
                "l": l, "s": s, "draws": Matrix(rows: steps, columns: rank + m * n, elements: draws),
                "orders": Matrix(rows: passes, columns: 6, elements: orders.map(Float.init)),
            ])
        let ours =
            outcome.losses + (outcome.initial.triplets[0] + outcome.initial.entries[0]).map(Double.init)
            + (outcome.learned.triplets[0] + outcome.learned.entries[0]).map(Double.init)
        XCTAssertEqual(ours.count, theirs.count)
        for (index, (a, b)) in zip(ours, theirs).enumerated() { XCTAssertEqual(a, b, accuracy: 1e-4, "\(index)") }
        // The steps have moved something.
        XCTAssertNotEqual(outcome.initial.entries[0], outcome.learned.entries[0])
    }
}
