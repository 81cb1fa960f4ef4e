import XCTest

@testable import GradientFitting

final class TrainingStepsTests: XCTestCase {
    private func steps(_ count: Int, passes: Int, batch: Int) -> TrainingSteps {
        TrainingSteps(sequences: count, passes: passes, batch: batch, rate: 0.01, seed: 0)
    }

    /// By hand: a tenth, two tenths … of a half cosine over all steps.
    func testRateRisesOverTenSteps() {
        let steps = steps(448, passes: 1, batch: 8)
        XCTAssertEqual(steps.total, 56)
        for (step, rise) in [(0, 0.1), (4, 0.5), (9, 1), (30, 1)] {
            XCTAssertEqual(steps.rate(step), 0.01 * rise * 0.5 * (1 + cos(Double.pi * Double(step) / 56)), accuracy: 1e-15)
        }
    }

    /// Each pass is over all sequences, once each; the last step of a pass has what is left.
    func testEachPassIsOverAllSequences() {
        let all = steps(10, passes: 2, batch: 4)
        XCTAssertEqual((0..<all.total).map { all.sequences($0).count }, [4, 4, 2, 4, 4, 2])
        for pass in 0..<2 { XCTAssertEqual((0..<3).flatMap { all.sequences(3 * pass + $0) }.sorted(), Array(0..<10)) }
    }
}
