import Foundation
import TestSupport
import XCTest

/// Plugins whose functions do not come back, or end the process: the run ends as it is to, and leaves nothing.
final class PluginEndTests: XCTestCase {
    private static let convert = "convert in.faulty -o out.npz"
    private static let export = "convert tiny -o out.faulty"
    private static let compress = "compress tiny -o out.caplet --pipeline faulty"
    /// Every function of a plugin, and a run that calls it.
    private static let places = [
        ("load", "formats"), ("open", "passes"), ("recognises", convert), ("read", convert), ("tensor", convert), ("destroy", convert),
        ("check", export), ("write", export), ("create", compress), ("transform", compress),
    ]

    private func folder() throws -> CheckpointFolder {
        let folder = try CheckpointFolder()
        try folder.write("", as: "in.faulty")
        return folder
    }

    /// Sends a signal as soon as the plugin is where it does not come back from; the seconds it took to end, and how.
    private func interrupted(_ line: String, by signal: Int32, in folder: CheckpointFolder) throws -> (Double, CapletProcess) {
        let running = try CapletProcess.start(
            "exec env --default-signal=INT,TERM,HUP caplet \(line) --no-progress --plugin ./faulty.so 2>errors", in: folder.path)
        for _ in 0..<400 {
            if let said = try? folder.bytes("errors"), String(decoding: said, as: UTF8.self).contains("here\n") { break }
            usleep(50_000)
        }
        XCTAssertTrue(running.process.isRunning, "\(line): it ended before it was interrupted")
        let start = Date()
        kill(running.process.processIdentifier, signal)
        let result = try running.wait()
        return (Date().timeIntervalSince(start), result)
    }

    /// The first signal ends a run whose plugin sleeps or loops, wherever it does.
    func testFunctionsThatDoNotComeBack() throws {
        for (index, (place, line)) in PluginEndTests.places.enumerated() {
            let folder = try folder()
            try FaultyPlugin.make(nil, deed: (index % 2 == 0 ? "sleep_on" : "spin", place), in: folder.path)
            let before = try folder.listing()
            let (seconds, result) = try interrupted(line, by: [SIGINT, SIGTERM, SIGHUP][index % 3], in: folder)
            XCTAssertEqual(result.status, 130, place)
            XCTAssertLessThan(seconds, 4, place)
            let errors = String(decoding: try folder.bytes("errors"), as: UTF8.self)
            XCTAssertEqual(errors.replacingOccurrences(of: "here\n", with: ""), "caplet: error: interrupted\n", place)
            // What was written before the plugin was to give back its model is whole, and stays.
            let kept = place == "destroy" ? ["out.npz"] : []
            let left = try folder.listing().filter { !$0.hasPrefix("errors ") && !$0.hasPrefix("faulty.so ") }
            XCTAssertEqual(
                left.filter { line in !kept.contains { line.hasPrefix($0) } }, before.filter { !$0.hasPrefix("faulty.so ") }, place)
        }
    }

    /// The second signal, of another kind, ends the process as usual while the first one's patience lasts.
    func testTheSecondSignal() throws {
        let folder = try folder()
        try FaultyPlugin.make(nil, deed: ("sleep_on", "transform"), in: folder.path)
        let line =
            "env --default-signal=INT,TERM caplet \(PluginEndTests.compress) --plugin ./faulty.so 2>log & pid=$!; "
            + "until grep -q here log; do sleep 0.05; done; kill -INT $pid; sleep 0.3; kill -TERM $pid; wait $pid"
        let result = try CapletProcess.shell(line, in: folder.path)
        XCTAssertEqual(result.status, 128 + SIGTERM, result.errors)
    }

    /// Whatever a plugin calls to end the process, and from whichever thread, the status is 70 and one line names the plugin.
    func testFunctionsThatEndTheProcess() throws {
        let deeds = ["leave", "leave_quickly", "leave_elsewhere"]
        for (index, (place, line)) in PluginEndTests.places.enumerated() {
            // The thread that a constructor waits for would wait for the loader's lock.
            let deed = place == "load" ? "leave" : deeds[index % 3]
            let folder = try folder()
            try FaultyPlugin.make(nil, deed: (deed, place), in: folder.path)
            let before = try folder.listing()
            let result = try CapletProcess.run(line.split(separator: " ").map(String.init) + ["--plugin", "./faulty.so"], in: folder.path)
            XCTAssertEqual(result.status, 70, "\(deed) at \(place): \(result.errors)")
            let errors = result.errors.replacingOccurrences(of: "here\n", with: "")
            XCTAssertEqual(errors.split(separator: "\n").count, 1, "\(place): \(errors)")
            XCTAssertTrue(errors.hasSuffix(": tried to end the process\n"), "\(place): \(errors)")
            XCTAssertTrue(errors.contains("faulty.so"), "\(place): \(errors)")
            if place != "destroy" { XCTAssertEqual(try folder.listing(), before, place) }
        }
    }

    /// A plugin may ask for memory that is not there, and go on without it.
    func testAPluginDoesWithoutMemory() throws {
        let folder = try folder()
        try FaultyPlugin.make(nil, deed: ("ask_too_much", "read"), in: folder.path)
        let result = try CapletProcess.shell("caplet \(PluginEndTests.convert) --plugin ./faulty.so", in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
    }
}
