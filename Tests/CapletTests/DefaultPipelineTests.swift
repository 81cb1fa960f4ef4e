import XCTest

@testable import Caplet

final class DefaultPipelineTests: XCTestCase {
    /// Of a large model a step has a sixteenth of the sequences: fourteen steps a pass, of the seven eighths that are learned from.
    func testStepsOfALargeModelGrowWithItsText() {
        for (sequences, batch) in [(8, 1), (64, 4), (128, 8), (1024, 64)] {
            let refit = "refit{objective=block passes=2 batch=\(batch) text=calibrated"
            XCTAssertEqual(
                DefaultPipeline.text(keep: "0.5", linearParameters: 500_000_001, sequences: sequences),
                "rpca,prune-probabilistic{keep=0.5 objective=block},\(refit)}")
            XCTAssertTrue(
                DefaultPipeline.text(size: "9", linearParameters: 500_000_001, sequences: sequences).hasSuffix("\(refit) size=9}"))
            XCTAssertTrue(
                DefaultPipeline.blocksText(size: "9", linearParameters: 500_000_001, sequences: sequences).hasSuffix("\(refit)}"))
        }
        XCTAssertEqual(
            DefaultPipeline.text(keep: "0.5", linearParameters: 500_000_000, sequences: 8), "rpca,prune-probabilistic{keep=0.5},match,refit"
        )
    }
}
