import Execution
import GradientFitting
import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import TruncatedSVD
import XCTest

@testable import LPAF

final class LPAFTests: XCTestCase {
    private let execution = ExecutionContext(threads: 2)

    func testConformance() throws {
        for pipeline in ["lpaf{prune-passes=2 passes=2 batch=2}", "lpaf{prune-passes=2 passes=1 keep=0.3 density=0.4 ranks=1 batch=3}"] {
            try PassConformance([LPAFPass.self], pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// ‖D(W − UV)‖ is the least there is, as NumPy's SVD of DW says, and less than that of the best U·V for W itself.
    func testFactorsAreTheBestOfTheirWeightedError() throws {
        for (m, n, rank) in [(14, 9, 3), (8, 13, 5)] {
            var w = Matrix.random(m, n, seed: 3)
            let draws = Matrix.random(m, n, seed: 4)
            for row in 0..<m {
                for column in 0..<n where row == 2 || draws[row, column] < Float(row % 4) * 0.4 - 0.7 { w[row, column] = 0 }
            }
            let (u, v) = try w.sparsityAwareFactors(rank, execution)
            XCTAssertEqual([u.rows, u.columns, v.rows, v.columns], [rank, m, rank, n])
            let theirs = try NumPy.result(
                of: """
                    d = np.diag((w != 0).mean(1))
                    p, s, q = np.linalg.svd(w)
                    plain = (p[:, :\(rank)] * s[:\(rank)]) @ q[:\(rank)]
                    best = np.sqrt((np.linalg.svd(d @ w)[1][\(rank):] ** 2).sum())
                    result = [np.linalg.norm(d @ (w - u.T @ v)), best, np.linalg.norm(d @ (w - plain)), np.abs(u[:, 2]).max()]
                    """, ["w": w, "u": u, "v": v])
            XCTAssertEqual(theirs[0], theirs[1], accuracy: 1e-5 * theirs[1])
            XCTAssertLessThan(1.02 * theirs[1], theirs[2])
            XCTAssertEqual(theirs[3], 0, "a row that is all zero has no U")
        }
    }

    /// Γ over steps and the entries that stay, as NumPy makes them; without any gradient the largest stay.
    func testEntriesAreThoseOfNumPy() throws {
        let w = Matrix.random(7, 6, seed: 5)
        let gradients = (0..<3).map { Matrix.random(7, 6, seed: 30 + UInt64($0)) }
        let layer = try PrunedLayer(w, smoothing: 0.7, execution)
        for (step, gradient) in gradients.enumerated() { try layer.move(gradient, rate: 0, step: step, keeping: [1, 0.8, 0.4][step]) }
        let theirs = try NumPy.result(
            of: """
                gamma = 0
                for g, share in ((a, 1), (b, 0.8), (c, 0.4)):
                    gamma = 0.7 * gamma + 0.3 * np.abs(w * g)
                    w = np.where(gamma >= np.sort(gamma, None)[::-1][int(share * 42) - 1], w, 0)
                result = w
                """, ["w": w, "a": gradients[0], "b": gradients[1], "c": gradients[2]])
        XCTAssertEqual(layer.matrix.elements.map(Double.init), theirs)
        XCTAssertEqual(theirs.count { $0 != 0 }, 16)

        let still = try PrunedLayer(w, smoothing: 0.7, execution)
        try still.move(Matrix(zeros: 7, 6), rate: 0.1, step: 0, keeping: 0.5)
        let median = w.elements.map { abs($0) }.sorted()[21]
        XCTAssertEqual(still.matrix.elements, w.elements.map { abs($0) >= median ? $0 : 0 })
    }

    /// A first step of Adam moves each value of the first components against the sign of its gradient, as NumPy has that of their product, and no other.
    func testStepMovesTheFirstComponents() throws {
        let (w, g) = (Matrix.random(6, 5, seed: 6), Matrix.random(6, 5, seed: 7))
        let layer = try FactorLayer(w, ranks: 2...4, execution)
        let (u, v) = layer.factors(4)
        try layer.move(g, rank: 3, rate: 0.1, step: 0)
        let (newU, newV) = layer.factors(4)
        let theirs = try NumPy.result(
            of: """
                du, dv = v[:3] @ g.T, u[:3] @ g
                for x, d in ((u, du), (v, dv)): x[:3] -= 0.1 * np.sqrt((x ** 2).mean()) * np.sign(d)
                result = [u, v]
                """, ["u": u, "v": v, "g": g])
        for (ours, expected) in zip(newU.elements + newV.elements, theirs) { XCTAssertEqual(Double(ours), expected, accuracy: 1e-5) }
        XCTAssertEqual(newU.elements[18...], u.elements[18...])
    }

    /// Bounds by hand; all ranks up to them are drawn, and none other.
    func testRanks() {
        let mixed = MixedRanks(steps: 20, after: 4, seed: 1)
        XCTAssertEqual([0, 8, 15, 16, 19].map { mixed.bound(3...7, step: $0) }, [7, 5, 3, 3, 3])
        for (step, all) in [(0, Set(3...7)), (8, Set(3...5)), (16, [3])] {
            XCTAssertEqual(Set((0..<200).map { mixed.rank(3...7, layer: $0, step: step) }), all)
        }
    }

    /// Rank and budget are kept, and the loss is less than that of the factors that do not move, and than that of plain truncated SVD.
    func testWhatIsLeft() throws {
        let original = try SampleModel.graph()
        func run(_ pipeline: String) throws -> (graph: TensorGraph, loss: Double, report: PassReport) {
            let calibration = try QuadraticCalibration(original, sequences: 8)
            let context = PassContext(execution: execution, seed: 0, original: original, calibration: calibration)
            var graph = original
            let report = try PassManager(Pipeline(parsing: pipeline), catalog: PassCatalog([LPAFPass.self, TruncatedSVDPass.self]))
                .run(&graph, context)[0]
            let all = Array(0..<calibration.sequenceCount)
            let losses = try calibration.losses(sequences: all, of: graph)
            return (graph, losses.reduce(0, +) / Double(losses.count) - 1, report)
        }
        let plain = try run("truncated-svd{keep=0.5 whiten=false}")
        let still = try run("lpaf{keep=0.5 prune-passes=20 passes=1 rate=0}")
        let (graph, loss, report) = try run("lpaf{keep=0.5 prune-passes=20 passes=60 rate=0.03}")
        XCTAssertLessThan(loss, 0.9 * plain.loss)
        XCTAssertLessThan(loss, 0.9 * still.loss)
        let (kept, budget) = (try XCTUnwrap(report.measurement("parameters.kept")), try XCTUnwrap(report.measurement("budget")))
        XCTAssertLessThanOrEqual(kept, budget)
        XCTAssertEqual(kept, Double(plain.report.tensors.reduce(0) { $0 + $1.parametersAfter }))
        for tensor in graph.tensors where tensor.role == .linear {
            guard case .lowRank(let factors) = tensor.payload else { return XCTFail("\(tensor.name) is more than U·V") }
            let (m, n) = (tensor.shape.rows, tensor.shape.columns)
            XCTAssertEqual(factors.rank, m * n / 2 / (m + n), tensor.name)
        }
    }

    func testRefusals() throws {
        for (options, words) in [
            ("keep=0", "leaves no rank"), ("keep=0.001", "leaves no rank"), ("density=0", "density=0"), ("ranks=0.5", "ranks"),
        ] {
            let run = PassConformance([LPAFPass.self], pipeline: "lpaf{\(options)}", needsCalibration: true)
            XCTAssertThrowsError(try run.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
    }
}
