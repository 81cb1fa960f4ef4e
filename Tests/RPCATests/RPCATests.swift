import LinearAlgebra
import ModelGraph
import RPCA
import TestSupport
import XCTest

final class RPCATests: XCTestCase {
    func testConformance() throws { try PassConformance([RPCAPass.self], pipeline: "rpca").run() }

    /// The classical experiment of Candès et al., section 4.1: rank 5 % of n, 5 % gross corruption, n = 500.
    func testRecoversALowRankMatrixFromGrossCorruption() throws {
        let n = 320
        let truth = Matrix.randomLowRank(n, n, rank: n / 20, seed: 11)
        let numbers = CounterGenerator(seed: 12, stream: 0)
        var corrupted = truth
        for position in numbers.permutation(of: n * n).prefix(n * n / 20) {
            corrupted.elements[position] += numbers.uniform(UInt64(1_000_000 + position)) < 0.5 ? -30 : 30
        }
        let result = try RobustPCA(iterations: 500, tolerance: 1e-7).decompose(corrupted)
        XCTAssertLessThan(result.lowRank.product.relativeFrobeniusError(to: truth), 1e-5)
        XCTAssertEqual(result.lowRank.rank, n / 20)
        XCTAssertLessThan(result.residual, 1e-6)
        XCTAssertEqual(Double(result.sparse.elements.count { $0 != 0 }), Double(n * n / 20), accuracy: Double(n * n) * 0.002)
    }

    /// A layer of the bundled model against the same iteration written in numpy in double precision.
    func testObjectiveOnARealLayerIsThatOfNumPy() throws {
        let layers = try BundledModel.matrices(["model.layers.2.self_attn.q_proj.weight", "model.layers.4.mlp.down_proj.weight"])
        let folder = try TemporaryFolder()
        for (index, matrix) in layers.enumerated() {
            for steps in [index == 0 ? 30 : 10] {
                let ours = try RobustPCA(iterations: steps, tolerance: 0).decompose(matrix)
                let path = folder.path("w\(index).bin")
                try Data(matrix.elements.withUnsafeBytes { Array($0) }).write(to: URL(fileURLWithPath: path))
                let output = try PythonProcess.run(
                    """
                    import sys, numpy as np
                    w = np.fromfile(sys.argv[1], dtype=np.float32).astype(np.float64).reshape(int(sys.argv[2]), -1)
                    lam = 1 / np.sqrt(max(w.shape)); mu = w.size / (4 * np.abs(w).sum())
                    soft = lambda x, t: np.sign(x) * np.maximum(np.abs(x) - t, 0)
                    s = np.zeros_like(w); y = np.zeros_like(w)
                    for _ in range(int(sys.argv[3])):
                        u, d, v = np.linalg.svd(w - s + y / mu, full_matrices=False)
                        d = np.maximum(d - 1 / mu, 0)
                        l = (u * d) @ v
                        s = soft(w - l + y / mu, lam / mu)
                        y = y + mu * (w - l - s)
                    print(d.sum() + lam * np.abs(s).sum(), np.linalg.norm(w - l - s) / np.linalg.norm(w))
                    """, [path, "\(matrix.rows)", "\(steps)"])
                let numbers = output.split(separator: " ").compactMap { Double($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
                XCTAssertEqual(ours.objective / numbers[0], 1, accuracy: 1e-3, "\(steps) steps")
                XCTAssertEqual(ours.residual, numbers[1], accuracy: 1e-3 + 0.05 * numbers[1])
            }
        }
    }

    func testLowRankAndSparsePartsAddUpToTheWeights() throws {
        let graph = try SampleModel.graph()
        let (result, reports) = try PassConformance([RPCAPass.self], pipeline: "rpca{iterations=300}").apply(to: graph)
        let report = try XCTUnwrap(reports.first)
        for entry in report.tensors {
            XCTAssertLessThan(entry.relativeError, 1e-3)
            XCTAssertEqual(Double(try XCTUnwrap(result[entry.name]).payload.rank), entry.measurement("rank"))
            for name in ["density", "residual", "objective", "steps"] { XCTAssertNotNil(entry.measurement(name)) }
        }
    }

    func testZeroMatrixAndDegenerateOptions() throws {
        let zero = try RobustPCA(iterations: 5, tolerance: 0).decompose(Matrix(zeros: 4, 6))
        XCTAssertEqual(zero.lowRank.rank, 0)
        XCTAssertEqual(zero.sparse.squaredFrobeniusNorm, 0)
        XCTAssertThrowsError(try PassConformance([RPCAPass.self], pipeline: "rpca{mu=0}").apply(to: SampleModel.graph()))
    }
}
