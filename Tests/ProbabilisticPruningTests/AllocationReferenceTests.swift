import Execution
import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import TestSupport
import XCTest

@testable import ProbabilisticPruning

/// The default pass's choice of ranks and entries beside NumPy.
final class AllocationReferenceTests: XCTestCase {
    private let execution = ExecutionContext(threads: 2)

    private func moment(_ n: Int, seed: UInt64) -> Matrix {
        var inputs = Matrix.random(4 * n, n, seed: seed)
        for row in 0..<inputs.rows { for column in 0..<n { inputs[row, column] *= 0.3 + Float(column % 5) } }
        let sum = inputs.times(inputs, .transposed)
        return Matrix(rows: n, columns: n, elements: sum.elements.map { $0 / Float(4 * n) })
    }

    /// The energy order, the ranks that are compared, the one that is left when the rest of the budget goes to entries, and what it saves when
    /// both are solved.
    func testRankIsThatOfNumPy() throws {
        let (m, n) = (48, 40)
        let h = moment(n, seed: 2)
        for (strength, noise, budget, hasPrices) in [
            (Float(0.6), Float(0.1), 900, false), (0.6, 0.1, 900, true), (0.3, 0.3, 800, false), (0, 1, 900, false),
        ] {
            let prices = (0..<m).map { hasPrices ? 0.25 + Float($0 % 4) : 1 }
            let strong = Matrix.randomLowRank(m, n, rank: 4, seed: 3)
            let weak = Matrix.random(m, n, seed: 4)
            let w = Matrix(rows: m, columns: n, elements: zip(strong.elements, weak.elements).map { strength * $0 + noise * $1 })
            let candidates = try w.singularValueDecomposition().vTransposed.rows(0..<8)
            let ours = try RankChoice(budget: budget, outputPrices: hasPrices ? prices : nil).choose(
                w, candidates: candidates, secondMoment: h, execution)
            let theirs = try NumPy.result(
                of: NumPy.solvers + """
                    m, n = w.shape
                    root = np.sqrt(p)[0][:, None]
                    w = root * w
                    v = v[np.argsort(-np.einsum('ij,jk,ik->i', v, h, v) * ((w @ v.T) ** 2).sum(0))]
                    def left(r):
                        scores = np.sort(((w - w @ v[:r].T @ v[:r]) ** 2 * np.diag(h)).ravel())
                        return scores[:w.size - (\(budget) - r * (m + n))].sum()
                    ranks = [r for r in (0, 1, 2, 4, 8) if r <= \(budget) // (2 * (m + n))]
                    r = ranks[int(np.argmin([left(r) for r in ranks]))]
                    gain = -1
                    if r:
                        made = alternate(w, h, w @ v[:r].T @ v[:r], r, \(budget) - r * (m + n))
                        gain = 1 - energy(w - made, h) / energy(w - alternate(w, h, 0 * w, 0, \(budget)), h)
                    fit = w @ v[:r].T @ v[:r] / root if gain > 0 else 0 * w
                    result = [r, gain, fit]
                    """, ["w": w, "h": h, "v": candidates, "p": Matrix(rows: 1, columns: m, elements: prices)])
            let (rank, gain) = (Int(theirs[0]), theirs[1])
            XCTAssertEqual(ours.gain == nil, rank == 0, "strength \(strength)")
            XCTAssertEqual(ours.terms.rank, gain > 0 ? rank : 0, "strength \(strength)")
            if rank > 0 { XCTAssertEqual(try XCTUnwrap(ours.gain), gain, accuracy: 0.03, "strength \(strength)") }
            let fit = Matrix(rows: m, columns: n, elements: theirs.dropFirst(2).map { Float($0) })
            guard ours.terms.rank > 0 else { continue }
            XCTAssertLessThan(ours.terms.product.relativeFrobeniusError(to: fit), 1e-4, "strength \(strength)")
        }
    }

    private func layers() throws -> [LayerCandidate] {
        try [(100, 150, 1.0, 0), (60, 250, 0.3, 2), (200, 80, 2.5, 1)].enumerated().map { index, shape in
            let (m, n, scale, rank) = shape
            let random = Matrix.random(m, n, seed: UInt64(index + 20))
            let weight = Matrix(rows: m, columns: n, elements: random.elements.map { $0 * Float(scale) })
            return try LayerCandidate(
                name: "layer.\(index)", block: index, weight: .dense(DenseTensor(weight, dtype: .f32)),
                inputPower: (0..<n).map { 0.5 + Float($0 % 3) },
                outputPrices: index == 1 ? (0..<m).map { 0.25 + Float($0 % 4) } : nil, lowRank: weight.leadingSingularTriplets(rank),
                execution)
        }
    }

    /// One threshold for e^α · score of all layers together: the largest of all of them, as many as are left when the ranks are paid.
    func testSharedBudgetIsThatOfNumPy() throws {
        let layers = try layers()
        let arrays = try layers.map { try $0.weight.densifiedMatrix() }
        for (logWeights, budget) in [([0.0, 0, 0], 23_000), ([1.5, -2, 0.2], 23_000), ([-1, 4, 0.5], 10_000), ([0, 9, -9], 37_000)] {
            let ours = try SharedAllocation(layers: layers, budget: budget, execution: execution).choices(logWeights: logWeights).map(
                \.count)
            let theirs = try NumPy.result(
                of: """
                    layers, spent = [], 0
                    for w, r, alpha in zip((a, b, c), (0, 2, 1), \(logWeights)):
                        u, x, v = np.linalg.svd(w, full_matrices=False)
                        rest = w - (u[:, :r] * x[:r]) @ v[:r]
                        price = 0.25 + np.arange(w.shape[0]) % 4 if r == 2 else np.ones(w.shape[0])
                        layers.append(np.exp(alpha) * rest ** 2 * (0.5 + np.arange(w.shape[1]) % 3) * price[:, None])
                        spent += r * sum(w.shape)
                    scores = np.concatenate([l.ravel() for l in layers])
                    owner = np.concatenate([np.full(l.size, i) for i, l in enumerate(layers)])
                    chosen = owner[np.argsort(-scores, kind='stable')[:\(budget) - spent]]
                    result = [np.count_nonzero(chosen == i) for i in range(3)]
                    """, ["a": arrays[0], "b": arrays[1], "c": arrays[2]]
            ).map { Int($0) }
            XCTAssertEqual(ours.reduce(0, +), theirs.reduce(0, +), "\(logWeights)")
            for (a, b) in zip(ours, theirs) { XCTAssertLessThanOrEqual(abs(a - b), 1, "\(logWeights): \(ours), \(theirs)") }
        }
    }

    /// Half of the measured weight and half of the uniform one, in logarithms.
    func testStartIsThatOfNumPy() throws {
        let layers = try layers()
        let sensitivity = Sensitivity(
            allocation: SharedAllocation(layers: layers, budget: 23_000, execution: execution), density: 0.5)
        let rises = [0.02, 0.0001, 0.3]
        let arrays = try layers.map { try $0.weight.densifiedMatrix() }
        let ours = sensitivity.logWeights(rises: rises, uniform: try sensitivity.uniformLogWeights())
        let theirs = try NumPy.result(
            of: """
                result = []
                floor = 0.3 * np.median(\(rises))
                for w, r, rise in zip((a, b, c), (0, 2, 1), \(rises)):
                    u, x, v = np.linalg.svd(w, full_matrices=False)
                    price = 0.25 + np.arange(w.shape[0]) % 4 if r == 2 else np.ones(w.shape[0])
                    errors = (w - (u[:, :r] * x[:r]) @ v[:r]) ** 2 * (0.5 + np.arange(w.shape[1]) % 3)
                    scores = np.sort((errors * price[:, None]).ravel())
                    kept = lambda d: max(int(d * w.size) - r * sum(w.shape), 0)
                    error = scores[:w.size - kept(0.2)].sum()
                    result.append(0.5 * np.log(max(rise, floor) / error) - 0.5 * np.log(scores[w.size - kept(0.5)]))
                """, ["a": arrays[0], "b": arrays[1], "c": arrays[2]])
        // Errors are tabulated every 64 entries.
        for (a, b) in zip(ours, theirs) { XCTAssertEqual(a, b, accuracy: 0.01) }
    }
}
