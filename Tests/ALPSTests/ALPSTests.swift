import ALPS
import Execution
import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit
import SparseGPT
import TestSupport
import XCTest

final class ALPSTests: XCTestCase {
    private let passes: [any Pass.Type] = [ALPSPass.self]
    private static let layer = "model.layers.2.self_attn.q_proj.weight"

    func testConformance() throws {
        for pipeline in ["alps", "alps{keep=0.3 ratios=owl}", "alps{pattern=2:4}"] {
            try PassConformance(passes, pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// Algorithm 1 in double precision, values by the normal equations of each row: the same error of the outputs.
    func testResultIsThatOfNumPy() throws {
        let layer = try ReferenceLayer(Self.layer)
        for (options, keep, size) in [("keep=0.5", 0.5, 0), ("keep=0.3", 0.3, 0), ("pattern=2:4", 0.5, 4)] {
            let ours = try layer.apply(ALPSPass.self, "alps{\(options) dtype=f32}")
            let theirs = try layer.python(
                """
                m, n = w.shape; h = h + 0.01 * np.diag(h).mean() * np.eye(n); d = np.sqrt(np.diag(h)); g = h / np.outer(d, d); r = w * d
                total, size, rho = int(\(keep) * m * n), \(size), 0.1
                def support(p):
                    a = np.abs(p).reshape(-1, size) if size else np.abs(p).reshape(1, -1)
                    keep = np.zeros(a.shape, bool)
                    np.put_along_axis(keep, np.argsort(-a, axis=1, kind='stable')[:, :size // 2 if size else total], True, axis=1)
                    return keep.reshape(p.shape)
                v = np.zeros_like(r); b = r.copy(); k = support(b); v = rho * (b - b * k); before = k
                for step in range(1, 301):
                    b = (r @ g - v + rho * np.where(k, p if step > 1 else r, 0)) @ np.linalg.inv(g + rho * np.eye(n))
                    p = b + v / rho; k = support(p); v = np.where(k, 0, rho * p)
                    if step % 3 == 0:
                        change = (k != before).sum(); before = k
                        if change == 0 and step >= 6: break
                        rho *= 1.3 if change >= 0.1 * k.sum() else 1.2 if change >= 0.005 * k.sum() else 1.1
                result = np.zeros_like(w)
                for i in range(m):
                    q = np.flatnonzero(k[i])
                    result[i, q] = np.linalg.solve(h[np.ix_(q, q)], (w[i] @ h)[q])
                """)
            XCTAssertEqual(layer.outputError(ours.matrix) / layer.outputError(theirs), 1, accuracy: 0.01, options)
            // Rounding turns the choice between near equals, and what follows from it.
            XCTAssertLessThan(ours.matrix.supportDifference(from: theirs), 0.02, options)
        }
    }

    func testErrorIsBelowThatOfSparseGPT() throws {
        let layer = try ReferenceLayer(Self.layer)
        for options in ["keep=0.5", "keep=0.3", "pattern=2:4"] {
            let ours = layer.outputError(try layer.apply(ALPSPass.self, "alps{\(options)}").matrix)
            XCTAssertLessThan(ours, 0.9 * layer.outputError(try layer.apply(SparseGPTPass.self, "sparsegpt{\(options)}").matrix), options)
        }
    }

    /// The values solve the normal equations on their support, an input that is always zero and one that is twice another's included; on
    /// one thread and on three.
    func testValuesAreLeastSquaresWhateverTheThreads() throws {
        var inputs = Matrix.random(300, 40, seed: 1)
        for row in 0..<300 {
            inputs[row, 7] = 0
            inputs[row, 9] = 2 * inputs[row, 8]
        }
        let (h, weight) = (inputs.times(inputs, .transposed), Matrix.random(150, 40, seed: 2))
        let damped = h.damped(.ofLeastSquares)
        for kept in [KeptEntries.count(2400), .pattern(kept: 2, size: 4)] {
            let results = try [1, 3].map { threads in
                let execution = ExecutionContext(threads: threads)
                let solver = SparseLowRankSolver(try ScaledInputs(secondMoment: h, execution), .twoBlocks)
                return try solver.solve(weight, keeping: kept, rank: 0, execution)
            }
            XCTAssertEqual(results[0].sparse.elements, results[1].sparse.elements)
            XCTAssertLessThan(results[0].steps, 300)
            XCTAssertLessThanOrEqual(results[0].errors[1], results[0].errors[0])
            var (residual, scale) = (0.0, 0.0)
            for i in 0..<weight.rows {
                for j in 0..<40 where results[0].sparse[i, j] != 0 {
                    func product(_ row: (Int) -> Float) -> Double { (0..<40).reduce(0) { $0 + Double(row($1)) * Double(damped[$1, j]) } }
                    let left = product { weight[i, $0] - results[0].sparse[i, $0] }
                    residual += left * left / Double(damped[j, j])
                    scale += pow(product { weight[i, $0] }, 2) / Double(damped[j, j])
                }
            }
            XCTAssertLessThan((residual / scale).squareRoot(), 1e-6)
        }
    }

    func testPatternsBudgetsAndRefusals() throws {
        let layer = try ReferenceLayer(Self.layer)
        for (pattern, kept, size) in [("2:4", 2, 4), ("4:8", 4, 8)] {
            let matrix = try layer.apply(ALPSPass.self, "alps{pattern=\(pattern)}").matrix
            for start in stride(from: 0, to: matrix.elements.count, by: size) {
                XCTAssertLessThanOrEqual(matrix.elements[start..<start + size].count { $0 != 0 }, kept)
            }
        }
        for keep in [0.001, 0.37, 1] {
            let run = PassConformance(passes, pipeline: "alps{keep=\(keep)}", needsCalibration: true)
            let report = try XCTUnwrap(run.apply(to: SampleModel.graph()).reports.first)
            XCTAssertEqual(
                report.measurement("parameters.kept") ?? -1, report.measurement("budget") ?? 0, accuracy: Double(report.tensors.count))
        }
        for (options, words) in [
            ("pattern=2:4 keep=0.4", "keep=0.5"), ("pattern=2:4 ratios=owl", "keep=0.5"), ("lambda=0.1", "lambda=0.1"),
            ("keep=0", "leaves nothing"), ("keep=nan", "keep"),
        ] {
            let run = PassConformance(passes, pipeline: "alps{\(options)}", needsCalibration: true)
            XCTAssertThrowsError(try run.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
    }
}
