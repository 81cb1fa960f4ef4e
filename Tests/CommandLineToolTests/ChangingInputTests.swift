import Foundation
import TestSupport
import XCTest

/// Files that change while they are read: no output is made of them, and nothing dies.
final class ChangingInputTests: XCTestCase {
    /// Changes a copy of a model by a line of bash while a command works on it.
    private func expectRefusal(_ command: String, when change: String, saying words: String, line: UInt = #line) throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        XCTAssertEqual(
            try CapletProcess.shell("cp -r \(Repository.path("Examples/wren-7m")) m; cp \(text) t.txt", in: folder.path).status, 0)
        let running = try CapletProcess.start("exec caplet \(command) --no-progress", in: folder.path)
        Thread.sleep(forTimeInterval: 0.7)
        XCTAssertTrue(running.process.isRunning, "it ended before the input changed", line: line)
        XCTAssertEqual(try CapletProcess.shell(change, in: folder.path).status, 0)
        let result = try running.wait()
        XCTAssertEqual(result.status, 65, "\(change): \(result.errors)", line: line)
        XCTAssertEqual(result.output, "", line: line)
        let errors = result.errors.split(separator: "\n").filter { $0.hasPrefix("caplet: error: ") }
        XCTAssertEqual(errors.count, 1, result.errors, line: line)
        XCTAssertTrue(errors.first?.contains(words) == true, result.errors, line: line)
        XCTAssertEqual(try folder.listing().filter { $0.hasPrefix("out") && !$0.contains("unfinished") }, [], line: line)
    }

    private let text = Repository.path("Examples/text/speeches-calibration.txt")
    private let work = "compress m -o out.caplet --pipeline 'rpca{iterations=40 tolerance=0},quantize{bits=8}'"

    func testAModelThatShrinks() throws {
        try expectRefusal(work, when: "truncate -s 3000000 m/model.safetensors", saying: "m/model.safetensors")
        try expectRefusal(work, when: ": > m/model.safetensors", saying: "m/model.safetensors")
    }

    func testAModelThatChanges() throws {
        try expectRefusal(work, when: "printf x | dd of=m/model.safetensors bs=1 seek=9000000 conv=notrunc", saying: "written to while")
        try expectRefusal(work, when: "cp m/config.json c; mv c m/config.json", saying: "m/config.json")
        try expectRefusal(work, when: "rm m/model.safetensors", saying: "not there any more")
    }

    func testATextThatChanges() throws {
        try expectRefusal("\(work) --calibration t.txt", when: "echo more >> t.txt", saying: "t.txt")
    }
}
