import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import Wanda
import XCTest

final class WandaTests: XCTestCase {
    func testConformance() throws {
        for pipeline in ["wanda", "wanda{scope=layer keep=0.3}", "wanda{ratios=owl}", "wanda{pattern=4:8}"] {
            try PassConformance([WandaPass.self], pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// Masks are those of the paper's pseudocode, row by row, and values are not changed.
    func testMaskIsThatOfNumPy() throws {
        let layer = try ReferenceLayer()
        for (scope, keep) in [("row", 0.5), ("row", 0.3), ("layer", 0.3)] {
            let ours = try layer.apply(WandaPass.self, "wanda{keep=\(keep) scope=\(scope)}")
            let theirs = try layer.python(
                """
                score = np.abs(w) * np.sqrt(np.diag(h))
                if '\(scope)' == 'layer': score, shape = score.reshape(1, -1), w.shape
                count = int(\(keep) * w.size); rows = len(score)
                mask = np.zeros(score.shape, bool)
                for i in range(rows):
                    k = count * (i + 1) // rows - count * i // rows
                    mask[i, np.argsort(-score[i], kind='stable')[:k]] = True
                result = w * mask.reshape(w.shape)
                """)
            XCTAssertLessThan(ours.matrix.supportDifference(from: theirs), 1e-4, "\(scope) \(keep)")
            XCTAssertTrue(zip(ours.matrix.elements, layer.weight.elements).allSatisfy { $0 == 0 || $0 == $1 })
            XCTAssertEqual(ours.report.parametersAfter, Int(keep * Double(layer.weight.elements.count)))
            let norms = layer.secondMoment.diagonalRoots
            let lost = (ours.matrix - layer.weight).scalingColumns(by: norms).squaredFrobeniusNorm
            let error = lost / layer.weight.scalingColumns(by: norms).squaredFrobeniusNorm
            XCTAssertEqual(try XCTUnwrap(ours.report.measurement("weightedError")), error, accuracy: 1e-5)
        }
    }

    /// The published pattern: of each group of a row those of the largest scores.
    func testPatternIsThatOfNumPy() throws {
        let layer = try ReferenceLayer()
        for (pattern, size) in [("2:4", 4), ("4:8", 8)] {
            let ours = try layer.apply(WandaPass.self, "wanda{pattern=\(pattern)}")
            let theirs = try layer.python(
                """
                score = (np.abs(w) * np.sqrt(np.diag(h))).reshape(-1, \(size))
                mask = np.zeros(score.shape, bool)
                np.put_along_axis(mask, np.argsort(-score, 1, kind='stable')[:, :\(size / 2)], True, 1)
                result = w * mask.reshape(w.shape)
                """)
            XCTAssertLessThan(ours.matrix.supportDifference(from: theirs), 1e-4, pattern)
            XCTAssertTrue(zip(ours.matrix.elements, layer.weight.elements).allSatisfy { $0 == 0 || $0 == $1 })
            XCTAssertEqual(ours.report.parametersAfter, layer.weight.elements.count / 2)
        }
        for options in ["pattern=2:4 keep=0.4", "pattern=2:4 ratios=owl", "pattern=2:4 scope=row"] {
            let run = PassConformance([WandaPass.self], pipeline: "wanda{\(options)}", needsCalibration: true)
            XCTAssertThrowsError(try run.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains("pattern=2:4"), "\($0)") }
        }
    }

    func testLossesAreReportedAndTheEmbeddingIsRefused() throws {
        func run(_ pipeline: String) throws -> PassReport {
            let result = try PassConformance([WandaPass.self], pipeline: pipeline, needsCalibration: true).apply(to: SampleModel.graph())
            return try XCTUnwrap(result.reports.first)
        }
        let report = try run("wanda")
        XCTAssertEqual(try XCTUnwrap(report.measurement("loss.dense")), 1, accuracy: 1e-9)
        XCTAssertGreaterThan(try XCTUnwrap(report.measurement("loss.final")), 1)
        XCTAssertThrowsError(try run("wanda{layers=embedding}")) { XCTAssertTrue("\($0)".contains("inside blocks"), "\($0)") }
        let without = PassConformance([WandaPass.self], pipeline: "wanda")
        XCTAssertThrowsError(try without.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains("calibration"), "\($0)") }
    }
}
