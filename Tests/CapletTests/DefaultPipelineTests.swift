import XCTest

@testable import Caplet

final class DefaultPipelineTests: XCTestCase {
    func testLargeModelsAreRefittedByBlocks() {
        let refit = "refit{objective=block passes=2 batch=auto text=calibrated"
        XCTAssertEqual(
            DefaultPipeline.text(keep: "0.5", linearParameters: 500_000_001),
            "rpca,prune-probabilistic{keep=0.5 objective=block},\(refit)}")
        XCTAssertTrue(DefaultPipeline.text(size: "9", linearParameters: 500_000_001).hasSuffix("\(refit) size=9}"))
        XCTAssertTrue(DefaultPipeline.blocksText(size: "9", linearParameters: 500_000_001).hasSuffix("\(refit)}"))
        XCTAssertEqual(
            DefaultPipeline.text(keep: "0.5", linearParameters: 500_000_000), "rpca,prune-probabilistic{keep=0.5},match,refit")
    }
}
