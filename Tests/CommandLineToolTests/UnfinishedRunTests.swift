import Foundation
import TestSupport
import XCTest

/// What an interrupted `compress` has finished is gone on with, and never stands in the way.
final class UnfinishedRunTests: XCTestCase {
    /// A run that was interrupted is gone on with by the same command alone, and comes to the same bytes.
    func testInterruptedWorkIsGoneOnWith() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let model = Repository.path("Examples/wren-7m")
        let warning = "caplet: warning: 'magnitude' takes up the values that 'rpca' leaves and not their parts, which are lost\n"
        func command(_ output: String) -> String {
            "caplet compress \(model) -o \(output) --pipeline 'rpca{iterations=120 tolerance=0},magnitude{keep=0.4}' --no-progress"
        }
        XCTAssertEqual(try CapletProcess.shell(command("straight.caplet"), in: folder.path).status, 0)
        let before = try folder.listing()

        let running = try CapletProcess.start("exec env --default-signal=INT \(command("out.caplet"))", in: folder.path)
        Thread.sleep(forTimeInterval: 4)
        XCTAssertTrue(running.process.isRunning, "it ended before it was interrupted")
        kill(running.process.processIdentifier, SIGINT)
        let interrupted = try running.wait()
        XCTAssertEqual(interrupted.status, 130, interrupted.errors)
        XCTAssertTrue(
            interrupted.errors.contains(
                "what is finished is in out.caplet.unfinished: an equal run that does not begin anew goes on from there\n"),
            interrupted.errors)
        let unfinished = try FileManager.default.contentsOfDirectory(atPath: folder.path("out.caplet.unfinished"))
        XCTAssertEqual(unfinished.sorted(), ["000001.caplet", "run.json"])
        XCTAssertEqual(try CapletProcess.shell("caplet verify out.caplet.unfinished/000001.caplet", in: folder.path).status, 0)

        // Another run does not touch it.
        let kept = try folder.listing()
        let other = try CapletProcess.shell("\(command("out.caplet")) --seed 1", in: folder.path)
        XCTAssertEqual(other.status, 64)
        XCTAssertEqual(
            other.errors,
            warning + "caplet: error: out.caplet.unfinished: holds what another run has finished (seed 0, not 1); its request goes on "
                + "from there; --force begins anew\n")
        XCTAssertEqual(try folder.listing(), kept)

        // What is damaged is made again: a segment cut short, one with a flipped bit, and what says whose it is.
        for damage in [
            "truncate -s -9 cut.caplet.unfinished/000001.caplet",
            "printf x | dd of=cut.caplet.unfinished/000001.caplet bs=1 seek=3000 conv=notrunc",
            "sed -i s/seed/sead/ cut.caplet.unfinished/run.json",
        ] {
            XCTAssertEqual(
                try CapletProcess.shell("cp -a out.caplet.unfinished cut.caplet.unfinished; \(damage)", in: folder.path).status, 0)
            let damaged = try CapletProcess.shell(command("cut.caplet"), in: folder.path)
            XCTAssertEqual(damaged.status, 0, damaged.errors)
            XCTAssertTrue(damaged.errors.contains("cut.caplet.unfinished"), damaged.errors)
            XCTAssertTrue(damaged.errors.contains("again") || damaged.errors.contains("anew"), damaged.errors)
            XCTAssertTrue(try folder.bytes("cut.caplet") == folder.bytes("straight.caplet"), damage)
            XCTAssertEqual(try CapletProcess.shell("rm cut.caplet; [ ! -e cut.caplet.unfinished ]", in: folder.path).status, 0)
        }

        // --force begins anew, whatever is there.
        let anew = try CapletProcess.shell(
            "cp -a out.caplet.unfinished new.caplet.unfinished; \(command("new.caplet")) --force", in: folder.path)
        XCTAssertEqual(anew.status, 0, anew.errors)
        XCTAssertFalse(anew.errors.contains("goes on"), anew.errors)
        XCTAssertEqual(try CapletProcess.shell("rm new.caplet; [ ! -e new.caplet.unfinished ]", in: folder.path).status, 0)

        let resumed = try CapletProcess.shell("\(command("out.caplet")) --threads 1", in: folder.path)
        XCTAssertEqual(resumed.status, 0, resumed.errors)
        XCTAssertTrue(
            resumed.errors.hasPrefix(warning + "goes on from what an interrupted run has finished, out.caplet.unfinished\n"), resumed.errors
        )
        XCTAssertTrue(try folder.bytes("out.caplet") == folder.bytes("straight.caplet"))
        XCTAssertEqual(try folder.listing().filter { !$0.hasPrefix("out.caplet ") }, before)
    }

    /// A folder of that name that nothing is known of.
    func testUnknownUnfinishedWork() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let command = "caplet compress tiny -o out.caplet --pipeline 'magnitude{keep=0.4}' --no-progress"
        XCTAssertEqual(try CapletProcess.shell("mkdir out.caplet.unfinished && \(command)", in: folder.path).status, 0)
        let files = "000001.caplet mine.caplet 000002.caplet.partial-7 .caplet-0000000000000000.journal"
        let unknown = "rm out.caplet; mkdir out.caplet.unfinished; cd out.caplet.unfinished; touch \(files)"
        XCTAssertEqual(try CapletProcess.shell(unknown, in: folder.path).status, 0)
        let result = try CapletProcess.shell(command, in: folder.path)
        XCTAssertEqual(result.status, 64)
        XCTAssertTrue(result.errors.contains("another run has finished (it does not say which)"), result.errors)
        XCTAssertEqual(try CapletProcess.shell("\(command) --force", in: folder.path).status, 0)
        // What runs do not make stays.
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path("out.caplet.unfinished"))
        XCTAssertEqual(left.sorted(), ["000002.caplet.partial-7", "mine.caplet"])
    }

    /// Keeping what is finished takes room on the disk, which may end; the run goes on without.
    func testAFullDiskEndsTheKeepingAndNotTheRun() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        // A file in the place of the folder stands for a full disk: nothing can be put there.
        let model = Repository.path("Examples/wren-7m")
        let command =
            "caplet compress \(model) -o out.caplet --pipeline 'rpca{iterations=150 tolerance=0},magnitude{keep=0.4}' --no-progress"
        let running = try CapletProcess.start("exec env --default-signal=INT \(command)", in: folder.path)
        // It has looked at the place by then, and the first matrix of which anything is kept takes longer.
        Thread.sleep(forTimeInterval: 2)
        try folder.write("no folder", as: "out.caplet.unfinished")
        let result = try running.wait()
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertTrue(result.errors.contains("can no longer be kept"), result.errors)
        XCTAssertEqual(try CapletProcess.shell("caplet verify out.caplet", in: folder.path).status, 0)
        XCTAssertEqual(try folder.bytes("out.caplet.unfinished"), Array("no folder".utf8))
    }

    func testTwoRunsDoNotShareOneFolder() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let command = "caplet compress tiny -o out.caplet --pipeline 'magnitude{keep=0.4}' --no-progress"
        let result = try CapletProcess.shell(
            "mkdir out.caplet.unfinished; exec 9< out.caplet.unfinished; flock 9; \(command)", in: folder.path)
        XCTAssertEqual(result.status, 64, result.errors)
        XCTAssertTrue(result.errors.contains("at work in another run"), result.errors)
    }
}
