import Caplet
import Foundation
import TestSupport
import XCTest

/// Requests as a program makes them.
final class RequestTests: XCTestCase {
    private let model = BundledModel.folder

    func testEventsEndWithTheRequestAndStagesAreClosed() async throws {
        let folder = try TemporaryFolder()
        let caplet = try Workspace(threads: 2)
        var request = CompressionRequest(model: model, output: folder.path("m.caplet"))
        request.aim = .pipeline(try Pipeline(parsing: "magnitude{keep=0.5}"))
        let job = caplet.start(request)
        var (open, stages) = (0, 0)
        for await event in job.events {
            if case .began = event { (open, stages) = (open + 1, stages + 1) }
            if case .ended = event { open -= 1 }
        }
        let result = try await job.output
        XCTAssertEqual(open, 0)
        XCTAssertGreaterThan(stages, 0)
        XCTAssertEqual(result.outputBytes, try FileManager.default.attributesOfItem(atPath: request.output)[.size] as? Int)
        XCTAssertEqual(result.passes.count, 1)
    }

    func testCancellingTheTaskCancelsTheRequestAndLeavesNoOutput() async throws {
        let folder = try TemporaryFolder()
        let caplet = try Workspace(threads: 1)
        var request = CompressionRequest(model: model, output: folder.path("m.caplet"))
        request.aim = .pipeline(try Pipeline(parsing: "rpca{iterations=1000 tolerance=1e-12}"))
        let job = caplet.start(request)
        let waiting = Task { try await job.output }
        for await event in job.events {
            if case .began = event { waiting.cancel() }
        }
        do {
            _ = try await waiting.value
            XCTFail("a cancelled request ended with a result")
        } catch {
            XCTAssertEqual(FailureKind(error), .cancelled, "\(error)")
        }
        XCTAssertFalse(FileManager.default.fileExists(atPath: request.output))
    }

    func testErrorsSayWhatWouldHelpAndNameNoFlag() throws {
        let folder = try TemporaryFolder()
        let caplet = try Workspace(threads: 1)
        let request = ConversionRequest(model: model, output: folder.path("m.npz"))
        _ = try caplet.perform(request)
        func failure<R: Request>(_ request: R) -> (any Error)? {
            do {
                _ = try caplet.perform(request)
                return nil
            } catch {
                return error
            }
        }
        var unknown = request
        unknown.output = folder.path("nameless")
        let comparison = ComparisonRequest(model: model, output: folder.path("grid"), sources: [.text("text.txt")])
        for (error, kind, remedy) in [
            (failure(request), FailureKind.usage, Remedy.replaceOutput), (failure(unknown), .usage, .nameOutputFormat),
            (failure(comparison), .usage, .giveCalibration),
        ] {
            let error = try XCTUnwrap(error)
            XCTAssertEqual(FailureKind(error), kind, "\(error)")
            XCTAssertEqual((error as? any RemediableError)?.remedy, remedy, "\(error)")
            XCTAssertFalse("\(error)".contains("--"), "\(error)")
        }
    }

    func testWarningsThatAreRefusedLeaveNoOutput() throws {
        let folder = try TemporaryFolder()
        let caplet = try Workspace(threads: 1)
        var request = ConversionRequest(model: model, output: folder.path("m.gguf"))
        request.dequantization = .fp8
        let warnings = Collected()
        _ = try caplet.perform(request) { if case .warning(let line, _) = $0 { warnings.add(line) } }
        XCTAssertEqual(warnings.lines, ["no weight is quantised, and nothing is decoded"])
        var options = RequestOptions()
        options.refusesWarnings = true
        request.output = folder.path("n.gguf")
        XCTAssertThrowsError(try caplet.perform(request, options)) { XCTAssertEqual(FailureKind($0), .warnings) }
        XCTAssertFalse(FileManager.default.fileExists(atPath: request.output))
    }

    /// Counts that a command line would not let through are refused by the library itself, before anything is read.
    func testCountsAndWhatMeansNothingAreRefused() throws {
        let caplet = try Workspace(threads: 1)
        let text = BundledModel.text
        func refuses<R: Request>(_ request: R, line: UInt = #line) {
            XCTAssertThrowsError(try caplet.perform(request), line: line) { XCTAssertEqual(FailureKind($0), .usage, "\($0)", line: line) }
        }
        for calibration in [
            CalibrationText(path: text, sequences: 0), CalibrationText(path: text, sequences: -1), CalibrationText(path: text, context: 0),
            CalibrationText(path: text, context: .max),
        ] {
            var compression = CompressionRequest(model: "none", output: "/tmp/none.caplet")
            compression.calibration = calibration
            refuses(compression)
        }
        for length in [0, 1, -5] { refuses(EvaluationRequest(model: "none", source: .text(text, context: length))) }
        var evaluation = EvaluationRequest(model: "none", source: .task(text))
        evaluation.sequences = 3
        refuses(evaluation)
        var comparison = ComparisonRequest(model: "none", output: "/tmp/none", sources: [.text(text)])
        comparison.calibration = CalibrationText(path: text, context: 64)
        refuses(comparison)
        comparison.calibration = nil
        comparison.windows = 0
        refuses(comparison)
        var conversion = ConversionRequest(model: "none", output: "/tmp/none.gguf")
        conversion.maximumShardBytes = 0
        refuses(conversion)
    }

    /// What hours of work would come to need is looked at before them.
    func testMemoryAndScratchAreLookedAtFirst() throws {
        XCTAssertThrowsError(try Workspace(memory: Workspace.leastMemory - 1)) { XCTAssertEqual(FailureKind($0), .usage, "\($0)") }
        XCTAssertThrowsError(try Workspace(scratchFolder: "/nonexistent")) { XCTAssertEqual(FailureKind($0), .writeFailed, "\($0)") }
        XCTAssertNoThrow(try Workspace(memory: Workspace.leastMemory, scratchFolder: "/tmp"))
    }

    func testAModelIsResolvedOnceAndKeepsItsTokenizerThroughPasses() async throws {
        let caplet = try Workspace(threads: 1)
        let opened = try await caplet.open(model)
        XCTAssertEqual(opened.configuration?.architecture, "llama")
        let tokenizer = try XCTUnwrap(opened.tokenizer())
        var bare = opened.graph
        bare.attachments = []
        let changed = opened.with(bare)
        XCTAssertEqual(try changed.tokenizer()?.encode("The people"), tokenizer.encode("The people"))
        XCTAssertEqual(changed.configuration, opened.configuration)
        XCTAssertEqual(try changed.endTokens(), try opened.endTokens())
        XCTAssertFalse(try changed.endTokens().isEmpty)
    }
}

/// Lines from any thread.
private final class Collected: @unchecked Sendable {
    // Every access holds the lock.
    private let lock = NSLock()
    private var kept: [String] = []

    func add(_ line: String) { lock.withLock { kept.append(line) } }
    var lines: [String] { lock.withLock { kept } }
}
