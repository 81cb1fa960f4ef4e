import Foundation
import TestSupport
import XCTest

/// `caplet` as several processes that MPI has started.
final class RanksTests: XCTestCase {
    /// The library that messages go through, made as `make mpi` does.
    private static let library: Result<String, any Error> = Result {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("libcaplet-mpi-\(getpid()).so").path
        let source = Repository.path("Sources/MessagePassing/MPI/caplet-mpi.c")
        let made = try CapletProcess.shell("mpicc -O2 -Wall -Werror -fPIC -shared -o \(path) \(source)", in: "/")
        guard made.status == 0 else { throw CapletProcess.Failure(description: made.errors) }
        return path
    }

    override class func tearDown() {
        if case .success(let path) = library { unlink(path) }
        super.tearDown()
    }

    private static let text = Repository.path("Examples/text/speeches-calibration.txt")
    private static let model = Repository.path("Examples/wren-7m")
    private static let calibration = "--calibration \(text) --calibration-sequences 12 --context 32 --no-progress"

    /// mpirun with so many ranks of one thread each; root may start them too.
    private func ranks(_ count: Int, _ more: String = "") throws -> String {
        "env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -np \(count) \(more) caplet compress "
            + "--ensemble mpi:\(try Self.library.get()) --threads 1 \(Self.model) \(Self.calibration)"
    }

    /// One process and any number of ranks write the same bytes, through every kind of pass: matrices by themselves, against their inputs, allocated
    /// together, moved along gradients, coded.
    func testSameBytesWithAnyNumberOfRanks() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        for (index, (aim, count)) in [
            ("--pipeline 'rpca{iterations=2},prune-probabilistic{steps=1},match{passes=1},refit{passes=1}'", 3),
            ("--pipeline 'prune-probabilistic{keep=0.5 objective=block},refit{objective=block passes=1 batch=4 text=calibrated}'", 3),
            ("--pipeline 'sparsegpt{keep=0.5 ratios=owl}'", 2), ("--pipeline 'quantize{size=3200000 target=dense}'", 3),
        ].enumerated() {
            let alone = try CapletProcess.shell(
                "caplet compress \(Self.model) \(Self.calibration) \(aim) -o alone\(index).caplet", in: folder.path)
            XCTAssertEqual(alone.status, 0, alone.errors)
            let shared = try CapletProcess.shell(
                "\(try ranks(count)) \(aim) -o shared\(index).caplet --report r.json --force", in: folder.path)
            XCTAssertEqual(shared.status, 0, shared.errors)
            XCTAssertTrue(try folder.bytes("alone\(index).caplet") == folder.bytes("shared\(index).caplet"), aim)
            // One rank prints.
            XCTAssertEqual(shared.output.components(separatedBy: "wrote ").count, 2, shared.output)
            let report = try JSONSerialization.jsonObject(with: Data(folder.bytes("r.json"))) as? [String: Any]
            let found = report?["ranks"] as? [[String: Any]] ?? []
            XCTAssertEqual(found.compactMap { $0["rank"] as? Int }, Array(0..<count))
            for rank in found {
                XCTAssertGreaterThan(rank["operations"] as? Int ?? 0, 0)
                XCTAssertGreaterThan(rank["bytes_received"] as? Int ?? 0, 0)
            }
        }
    }

    /// What cannot be done is one line from one rank, its status, and no output.
    func testFailuresEndAllRanks() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        func lines(_ run: CapletProcess) -> [String] {
            run.errors.components(separatedBy: "\n").filter { $0.hasPrefix("caplet: error") }
        }
        // All meet it.
        let damaged = try CapletProcess.shell(
            "cp -r \(Self.model) cut; for f in cut/*.safetensors; do truncate -s -9 $f; done; "
                + "\(try ranks(3)) -o out.caplet --keep 0.5".replacingOccurrences(of: Self.model, with: "cut"), in: folder.path)
        XCTAssertEqual(damaged.status, 65, damaged.errors)
        XCTAssertEqual(lines(damaged).count, 1, damaged.errors)
        // One meets it.
        let apart = try CapletProcess.shell(
            "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; caplet='caplet compress --ensemble mpi:\(try Self.library.get())'; "
                + "mpirun --oversubscribe -np 1 $caplet \(Self.model) --keep 0.5 -o out.caplet : -np 1 $caplet nowhere --keep 0.5 -o out.caplet",
            in: folder.path)
        XCTAssertEqual(apart.status, 66, apart.errors)
        XCTAssertEqual(lines(apart).count, 1, apart.errors)
        XCTAssertTrue(lines(apart).first?.hasPrefix("caplet: error: rank 1: nowhere") ?? false, apart.errors)
        // Sums would differ.
        let kernels = try CapletProcess.shell(
            "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; "
                + "caplet='caplet compress --ensemble mpi:\(try Self.library.get()) \(Self.model) --keep 0.5 -o out.caplet \(Self.calibration)'; "
                + "mpirun --oversubscribe -np 1 env OPENBLAS_CORETYPE=Prescott $caplet : -np 1 env OPENBLAS_CORETYPE=Sandybridge $caplet",
            in: folder.path)
        XCTAssertEqual(kernels.status, 64, kernels.errors)
        XCTAssertEqual(lines(kernels).count, 1, kernels.errors)
        XCTAssertTrue(lines(kernels).first?.contains("rank 1 on ") ?? false, kernels.errors)
        XCTAssertTrue(lines(kernels).first?.hasSuffix("start all ranks with OPENBLAS_CORETYPE=Prescott") ?? false, kernels.errors)
        // No library.
        let none = try CapletProcess.shell(
            "\(try ranks(2)) -o out.caplet --keep 0.5".replacingOccurrences(of: try Self.library.get(), with: "/nowhere.so"),
            in: folder.path)
        XCTAssertEqual(none.status, 69, none.errors)
        XCTAssertEqual(lines(none).count, 1, none.errors)
        XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path("out.caplet")))
        XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path("out.caplet.unfinished")))
    }

    /// A rank that is killed, or stands still, ends the job; another number of ranks goes on and comes to the same bytes.
    func testLostRanksEndTheJob() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let aim = "--pipeline 'rpca{iterations=100 tolerance=0},magnitude{keep=0.4}'"
        let alone = try CapletProcess.shell("caplet compress \(Self.model) \(aim) \(Self.calibration) -o alone.caplet", in: folder.path)
        XCTAssertEqual(alone.status, 0, alone.errors)
        for (signal, timeout) in [(SIGKILL, 60), (SIGSTOP, 5)] {
            let running = try CapletProcess.start(
                "exec \(try ranks(3)) \(aim) -o out.caplet --force --rank-timeout \(timeout)", in: folder.path)
            Thread.sleep(forTimeInterval: 2.5)
            XCTAssertTrue(running.process.isRunning, "it ended before it was met")
            let found = try CapletProcess.shell("pgrep -P \(running.process.processIdentifier) -x caplet", in: folder.path)
            let ranks = found.output.split(separator: "\n").compactMap { Int32($0) }
            XCTAssertEqual(ranks.count, 3, found.output)
            kill(ranks.sorted()[1], signal)
            let start = Date()
            let ended = try running.wait()
            XCTAssertNotEqual(ended.status, 0, ended.errors)
            XCTAssertLessThan(Date().timeIntervalSince(start), 20)
            XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path("out.caplet")))
            if signal == SIGSTOP { XCTAssertTrue(ended.errors.contains("rank 1 has not been heard of for 5 seconds"), ended.errors) }
        }
        let resumed = try CapletProcess.shell("\(try ranks(2)) \(aim) -o out.caplet", in: folder.path)
        XCTAssertEqual(resumed.status, 0, resumed.errors)
        XCTAssertTrue(try folder.bytes("alone.caplet") == folder.bytes("out.caplet"))
    }

    /// Cells of a comparison are made by ranks, and the page is that of one process; other verbs are done by one.
    func testComparisonsAreShared() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let arguments =
            "\(Self.model) --text \(Self.text) --windows 2 \(Self.calibration) --methods magnitude,wanda --budgets 0.5,0.3"
        XCTAssertEqual(try CapletProcess.shell("caplet compare \(arguments) -o alone", in: folder.path).status, 0)
        let mpi = "env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -np 2 caplet"
        let shared = try CapletProcess.shell(
            "\(mpi) compare --ensemble mpi:\(try Self.library.get()) \(arguments) -o shared", in: folder.path)
        XCTAssertEqual(shared.status, 0, shared.errors)
        XCTAssertTrue(try folder.bytes("alone/compare.json") == folder.bytes("shared/compare.json"))
        let converted = try CapletProcess.shell("\(mpi) convert \(Self.model) -o one.gguf", in: folder.path)
        XCTAssertEqual(converted.status, 0, converted.errors)
        XCTAssertEqual(converted.output.components(separatedBy: "wrote one.gguf").count, 2, converted.output)
    }
}
