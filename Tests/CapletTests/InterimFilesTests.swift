import BuiltIns
import Execution
import FormatKit
import Foundation
import TestSupport
import XCTest

@testable import Caplet
@testable import PassKit

/// What is of use until a stage is done lies in files of its own beside the output, is found by the next run, and goes when the stage is done.
final class InterimFilesTests: XCTestCase {
    func testTheyAreFoundAgainAndGoWithTheirStage() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("m.caplet")
        let format = try XCTUnwrap(try Registry.builtIn.writableFormat(named: "caplet") as? any WritableFormat & VerifiableFormat)
        let context = RequestContext(try Workspace(threads: 1), RequestOptions(), Cancellation()) { _ in }
        func run<Result>(_ body: (FinishedPass) throws -> Result) throws -> Result {
            let unfinished = UnfinishedRun(
                output: output, identity: { ["seed": "0"] }, format: format, threads: 1, checkInputs: {})
            return try unfinished.run(beginsAnew: false, context) { try body($0.pass(0)) }
        }
        func files() -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: output + ".unfinished")) ?? []).filter { $0 != "run.json" }.sorted()
        }
        func snapshot(_ value: Double) -> PassSnapshot {
            var made = PassSnapshot()
            made.numbers["value"] = [value]
            return made
        }
        XCTAssertThrowsError(
            try run { pass in
                _ = try pass.recordInterim("round 1", "a") { snapshot(1) }
                _ = try pass.recordInterim("round 2", "a") { snapshot(2) }
                Thread.sleep(forTimeInterval: 2.1)
                throw Cancelled()
            })
        XCTAssertEqual(files(), ["000001.caplet", "000002.caplet"])
        try run { pass in
            XCTAssertEqual(try pass.recordInterim("round 1", "a") { throw Cancelled() }.numbers["value"], [1])
            _ = try pass.record("rounds", "round 1", isShared: false) { snapshot(7) }
            try pass.forgetInterim("round 1")
            // What the stage came to is there, and what the other one has found out.
            XCTAssertEqual(files(), ["000002.caplet", "000003.caplet"])
        }
        XCTAssertEqual(files(), [])
        XCTAssertFalse(FileManager.default.fileExists(atPath: output + ".unfinished"))
    }
}
