import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import OATS
import PassKit
import TestSupport
import XCTest

final class OATSTests: XCTestCase {
    private let passes: [any Pass.Type] = [OATSPass.self]

    func testConformance() throws {
        for pipeline in ["oats", "oats{keep=0.3 rank-ratio=0}", "oats{rank-ratio=1 iterations=3}"] {
            try PassConformance(passes, pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// Algorithm 1 with NumPy's SVD in double precision: the same error of the scaled weights and of the outputs.
    func testDecompositionIsThatOfNumPy() throws {
        let layer = try ReferenceLayer("model.layers.2.self_attn.q_proj.weight")
        for (keep, ratio, steps) in [(0.5, 0.25, 20), (0.3, 0.1, 5)] {
            let ours = try layer.apply(OATSPass.self, "oats{keep=\(keep) rank-ratio=\(ratio) iterations=\(steps)}")
            let theirs = try layer.python(
                """
                d = np.sqrt(np.diag(h)); a = w * d; m, n = a.shape; budget = int(\(keep) * m * n)
                r = int(\(ratio) * budget) // (m + n); k = budget - r * (m + n)
                s = np.zeros_like(a)
                for _ in range(\(steps)):
                    u, x, v = np.linalg.svd(a - s, full_matrices=False)
                    l = (u[:, :r] * x[:r]) @ v[:r]
                    s = np.zeros_like(a)
                    for i in range(m):
                        j = np.argsort(-np.abs(a - l)[i], kind='stable')[:k * (i + 1) // m - k * i // m]
                        s[i, j] = (a - l)[i, j]
                result = (l + s) / d
                """)
            let scale = layer.secondMoment.diagonalRoots
            func error(_ matrix: Matrix) -> Double {
                matrix.scalingColumns(by: scale).relativeFrobeniusError(to: layer.weight.scalingColumns(by: scale))
            }
            XCTAssertEqual(error(ours.matrix) / error(theirs), 1, accuracy: 2e-3)
            XCTAssertEqual(layer.outputError(ours.matrix) / layer.outputError(theirs), 1, accuracy: 0.02)
            XCTAssertLessThan(ours.matrix.relativeFrobeniusError(to: theirs), 0.05)
            let (m, n) = (layer.weight.rows, layer.weight.columns)
            let budget = Int(keep * Double(m * n))
            XCTAssertEqual(ours.report.measurement("rank"), Double(Int(ratio * Double(budget)) / (m + n)))
            XCTAssertLessThanOrEqual(ours.report.parametersAfter, budget)
            XCTAssertGreaterThan(ours.report.parametersAfter, budget - 10)
        }
    }

    func testBudgetIsMet() throws {
        for keep in [0.001, 0.05, 0.4, 1] {
            let run = PassConformance(passes, pipeline: "oats{keep=\(keep) iterations=5}", needsCalibration: true)
            let report = try XCTUnwrap(run.apply(to: SampleModel.graph()).reports.first)
            XCTAssertEqual(
                report.measurement("parameters.kept") ?? -1, report.measurement("budget") ?? 0, accuracy: Double(report.tensors.count))
        }
    }
}
