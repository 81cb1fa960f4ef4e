import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import TruncatedSVD
import XCTest

final class TruncatedSVDTests: XCTestCase {
    private let passes: [any Pass.Type] = [TruncatedSVDPass.self]

    func testConformance() throws {
        try PassConformance(passes, pipeline: "truncated-svd", needsCalibration: true).run()
        try PassConformance(passes, pipeline: "truncated-svd{whiten=false keep=0.3}").run()
    }

    /// SVD-LLM's algorithm with its Cholesky factor, and plain truncation, in double precision.
    func testApproximationIsThatOfNumPy() throws {
        let layer = try ReferenceLayer()
        for (whiten, root) in [("true", "np.linalg.cholesky(h)"), ("false", "np.eye(len(h))")] {
            for keep in [0.5, 0.3] {
                let ours = try layer.apply(TruncatedSVDPass.self, "truncated-svd{keep=\(keep) whiten=\(whiten)}")
                let theirs = try layer.python(
                    """
                    c = \(root); r = int(\(keep) * w.size) // sum(w.shape)
                    u, s, v = np.linalg.svd(w @ c, full_matrices=False)
                    result = (u[:, :r] * s[:r]) @ v[:r] @ np.linalg.inv(c)
                    """)
                XCTAssertLessThan(ours.matrix.relativeFrobeniusError(to: theirs), 0.005, "whiten=\(whiten) keep=\(keep)")
                XCTAssertEqual(layer.outputError(ours.matrix) / layer.outputError(theirs), 1, accuracy: 1e-3)
                XCTAssertEqual(try XCTUnwrap(ours.report.measurement("outputError")), layer.outputError(ours.matrix), accuracy: 1e-5)
                let (m, n) = (layer.weight.rows, layer.weight.columns)
                let rank = Int(keep * Double(m * n)) / (m + n)
                XCTAssertEqual(ours.report.measurement("rank"), Double(rank))
                XCTAssertEqual(ours.report.parametersAfter, rank * (m + n))
            }
        }
    }

    /// Plain truncation needs no text and takes the embedding too; whitening refuses it, and too small a budget.
    func testWhatNeedsInputsAndWhatDoesNot() throws {
        let plain = PassConformance(passes, pipeline: "truncated-svd{whiten=false layers=linear+embedding}", needsCalibration: true)
        let report = try XCTUnwrap(plain.apply(to: SampleModel.graph()).reports.first)
        XCTAssertTrue(report.tensors.contains { $0.name == "model.embed_tokens.weight" })
        XCTAssertNil(report.measurement("loss.final"))
        let whitened = PassConformance(passes, pipeline: "truncated-svd{layers=embedding}", needsCalibration: true)
        XCTAssertThrowsError(try whitened.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains("inside blocks"), "\($0)") }
        let small = PassConformance(passes, pipeline: "truncated-svd{whiten=false keep=0.01}")
        XCTAssertThrowsError(try small.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains("leaves no rank"), "\($0)") }
    }
}
