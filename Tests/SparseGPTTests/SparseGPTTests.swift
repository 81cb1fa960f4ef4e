import Execution
import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import XCTest

@testable import SparseGPT

final class SparseGPTTests: XCTestCase {
    private let passes: [any Pass.Type] = [SparseGPTPass.self]

    func testConformance() throws {
        for pipeline in ["sparsegpt", "sparsegpt{keep=0.3 blocksize=8 ratios=owl}", "sparsegpt{pattern=2:4}"] {
            try PassConformance(passes, pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// Algorithm 1 without blocks of updates: the whole inverse is used column by column, in double precision.
    private let reference = """
        n = w.shape[1]; u = np.linalg.cholesky(np.linalg.inv(h + 0.01 * np.diag(h).mean() * np.eye(n))).T
        result = w.copy(); total = int(keep * w.size)
        for j in range(n):
            if size == 0 and j % block == 0:
                e = min(j + block, n); k = total * e // n - total * j // n
                score = (result[:, j:e] / np.diag(u)[j:e]) ** 2
                mask = np.zeros(score.size, bool); mask[np.argsort(-score.ravel(), kind='stable')[:k]] = True
                mask = mask.reshape(score.shape); first = j
            if size and j % size == 0:
                score = (result[:, j:j + size] / np.diag(u)[j:j + size]) ** 2
                mask = np.argsort(np.argsort(-score, axis=1), axis=1) < size // 2; first = j
            pruned = np.where(mask[:, j - first], 0, result[:, j])
            result[:, j] -= pruned
            result[:, j + 1:] -= np.outer(pruned / u[j, j], u[j, j + 1:])
        """

    func testResultIsThatOfNumPy() throws {
        let layer = try ReferenceLayer()
        for (options, settings) in [
            ("keep=0.5", "keep, block, size = 0.5, 128, 0"), ("keep=0.3 blocksize=96", "keep, block, size = 0.3, 96, 0"),
            ("pattern=2:4", "keep, block, size = 0.5, 128, 4"), ("pattern=4:8", "keep, block, size = 0.5, 128, 8"),
        ] {
            let ours = try layer.apply(SparseGPTPass.self, "sparsegpt{\(options) dtype=f32}")
            let theirs = try layer.python(settings + "\n" + reference)
            // Rounding turns the choice between near equals, and what follows from it.
            XCTAssertLessThan(ours.matrix.supportDifference(from: theirs), 0.002, options)
            XCTAssertLessThan(ours.matrix.relativeFrobeniusError(to: theirs), 0.02, options)
            let (error, expected) = (layer.outputError(ours.matrix), layer.outputError(theirs))
            XCTAssertEqual(error / expected, 1, accuracy: 1e-3, options)
            XCTAssertEqual(try XCTUnwrap(ours.report.measurement("outputError")), error, accuracy: 1e-5)
        }
    }

    func testPatternsHoldInEveryGroup() throws {
        let layer = try ReferenceLayer()
        for (pattern, kept, size) in [("2:4", 2, 4), ("4:8", 4, 8)] {
            let matrix = try layer.apply(SparseGPTPass.self, "sparsegpt{pattern=\(pattern)}").matrix
            for start in stride(from: 0, to: matrix.elements.count, by: size) {
                XCTAssertLessThanOrEqual(matrix.elements[start..<start + size].count { $0 != 0 }, kept)
            }
        }
    }

    /// More rows than a tile has, an input that is always zero, and a last block that is narrower.
    func testTilesOfRowsGiveTheSameOnAllThreadsAndTheErrorOfTheirOutputs() throws {
        var inputs = Matrix.random(300, 40, seed: 1)
        for row in 0..<300 { inputs[row, 7] = 0 }
        let h = inputs.times(inputs, .transposed)
        let weight = Matrix.random(1100, 40, seed: 2)
        let solver = try SparseGPTSolver(secondMoment: h, blockSize: 16)
        for target in [SparseGPTSolver.Target.entries(20_000), .pattern(kept: 2, of: 4)] {
            let results = try [1, 3].map { try solver.prune(weight, to: target, ExecutionContext(threads: $0)) }
            XCTAssertEqual(results[0].kept.elements, results[1].kept.elements)
            XCTAssertEqual(results[0].outputError, results[1].outputError)
            let difference = inputs.times(results[0].kept - weight, otherAs: .transposed).squaredFrobeniusNorm
            XCTAssertEqual(results[0].outputError / difference, 1, accuracy: 1e-4)
        }
    }

    /// Never above the budget, and below it by rounding alone.
    func testBudgetsAndRefusals() throws {
        for keep in [0.001, 0.1, 0.37, 1] {
            let run = PassConformance(passes, pipeline: "sparsegpt{keep=\(keep)}", needsCalibration: true)
            let report = try XCTUnwrap(run.apply(to: SampleModel.graph()).reports.first)
            XCTAssertEqual(
                report.measurement("parameters.kept") ?? -1, report.measurement("budget") ?? 0, accuracy: Double(report.tensors.count))
        }
        for (options, words) in [
            ("pattern=2:4 keep=0.4", "keep=0.5"), ("pattern=2:4 ratios=owl", "keep=0.5"), ("pattern=4:8 blocksize=16", "blocksize=16"),
            ("lambda=0.1", "lambda=0.1"), ("keep=0", "leaves nothing"), ("ratios=uniform outlier=3", "outlier=3"),
        ] {
            let run = PassConformance(passes, pipeline: "sparsegpt{\(options)}", needsCalibration: true)
            XCTAssertThrowsError(try run.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
    }
}
