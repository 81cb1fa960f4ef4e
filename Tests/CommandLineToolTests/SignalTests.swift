import Foundation
import TestSupport
import XCTest

/// The first signal stops a run and leaves nothing, whenever it comes; what was ignored stays ignored.
final class SignalTests: XCTestCase {
    private static let work = "caplet compress tiny -o out.caplet --pipeline 'rpca{iterations=100000 tolerance=0}' --no-progress"

    func testEachSignal() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let before = try folder.listing()
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let running = try CapletProcess.start("exec env --default-signal=INT,TERM,HUP \(SignalTests.work)", in: folder.path)
            Thread.sleep(forTimeInterval: 1.5)
            kill(running.process.processIdentifier, signal)
            let result = try running.wait()
            XCTAssertEqual(result.status, 130, "signal \(signal): \(result.errors)")
            XCTAssertTrue(result.errors.hasSuffix("caplet: error: interrupted\n"), result.errors)
            XCTAssertEqual(result.errors.components(separatedBy: "error").count, 2, result.errors)
            XCTAssertEqual(try folder.listing(), before)
        }
    }

    /// Before `main` a signal ends the process as usual; afterwards it is never lost.
    func testSignalsDuringTheStart() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let before = try folder.listing()
        for step in 0..<24 {
            let running = try CapletProcess.start("exec env --default-signal=HUP \(SignalTests.work)", in: folder.path)
            usleep(UInt32(step) * 5_000)
            kill(running.process.processIdentifier, SIGHUP)
            for _ in 0..<200 where running.process.isRunning { usleep(50_000) }
            // The work would take hours.
            if running.process.isRunning { kill(running.process.processIdentifier, SIGKILL) }
            let result = try running.wait()
            XCTAssertTrue([130, 1000 + SIGHUP].contains(result.status), "step \(step): \(result.status) \(result.errors)")
            XCTAssertEqual(try folder.listing(), before, "step \(step)")
        }
    }

    func testIgnoredSignalsStayIgnored() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let line =
            "trap '' HUP INT; env --default-signal=TERM \(SignalTests.work) & pid=$!; sleep 1; kill -HUP $pid; kill -INT $pid; "
            + "sleep 1; kill -0 $pid || exit 99; kill -TERM $pid; wait $pid"
        let result = try CapletProcess.shell(line, in: folder.path)
        XCTAssertEqual(result.status, 130, result.errors)
    }
}
