import Conformance
import Execution
import LinearAlgebra
import ModelGraph
import TestSupport
import Synchronization
import XCTest

@testable import PassKit

final class FinishedWorkTests: XCTestCase {
    /// What the passes of a test did, and when they are to be interrupted.
    private struct Journal {
        var made: [String] = []
        var limit = Int.max
    }

    private static let journal = Mutex(Journal())

    private static func note(_ work: String) throws {
        try journal.withLock { journal in
            guard journal.made.count < journal.limit else { throw Cancelled() }
            journal.made.append(work)
        }
    }

    /// The journal since the last call, and a new one.
    private static func made(limitingTheNextTo limit: Int = .max) -> [String] {
        journal.withLock { journal in
            defer { journal = Journal(limit: limit) }
            return journal.made
        }
    }

    /// Makes tensors one by one: W + 1.
    private struct AddingPass: TensorPass {
        static let name = "adding"
        static let summary = "adds"
        static let options: [any PassOption] = [TensorSelection.option]
        static let reads: PassReads = [.values, .calibration]
        static let leaves = PassResult.other
        let selection: TensorSelection

        init(_ options: PassOptions) throws { selection = TensorSelection(options) }

        func transform(_ tensor: Tensor, _ context: PassContext) throws -> (payload: Payload, measurements: [PassKit.Measurement]) {
            try FinishedWorkTests.note("adding \(tensor.name)")
            let matrix = try tensor.finiteMatrix()
            let sum = Matrix(rows: matrix.rows, columns: matrix.columns, elements: matrix.elements.map { $0 + 1 })
            return (.dense(try DenseTensor(sum, dtype: .f32)), [PassKit.Measurement(name: "infinite", value: .infinity)])
        }
    }

    /// Asks for losses, then multiplies all tensors by them together.
    private struct ScalingPass: Pass {
        static let name = "scaling"
        static let summary = "scales"
        static let options: [any PassOption] = [TensorSelection.option]
        static let reads: PassReads = [.values, .calibration]
        static let leaves = PassResult.other
        let selection: TensorSelection

        init(_ options: PassOptions) throws { selection = TensorSelection(options) }

        func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
            var report = PassReport(pass: Self.name)
            let calibration = try context.requireCalibration(for: Self.name)
            var factor: Float = 1
            for index in 0..<3 { factor *= Float(try calibration.losses(sequences: [index, 3], replacing: [:])[0]) }
            factor *= Float(try XCTUnwrap(context.heldBack).losses(sequences: [1], replacingEach: ["a"]) { _ in Matrix(zeros: 1, 1) }[0][0])
            try FinishedWorkTests.note("scaling")
            for tensor in try selection.split(graph, pass: Self.name).selected {
                let matrix = try tensor.finiteMatrix()
                let scaled = Matrix(rows: matrix.rows, columns: matrix.columns, elements: matrix.elements.map { $0 * factor })
                try graph.setPayload(.dense(try DenseTensor(scaled, dtype: .f32)), of: tensor.name)
            }
            report.measure("factor", Double(factor))
            return report
        }
    }

    private final class Calibration: CalibrationProvider {
        let sequenceCount = 4
        let scoredTokensPerSequence = 1

        func losses(sequences: [Int], replacing weights: ReplacedWeights) throws -> [Double] {
            try FinishedWorkTests.note("losses \(sequences) \(weights.names.joined())")
            return sequences.map { 1.5 + Double($0 + weights.names.count) }
        }

        func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] { [] }
        func forEachSecondMoment(
            of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
        ) throws {}
    }

    private let names = ["a", "b", "c"]
    private let pipeline = "adding{layers=matrices},scaling{layers=matrices},adding{layers=matrices}"

    private func graph() throws -> TensorGraph {
        let matrices = try names.enumerated().map { index, name in
            Tensor(name: name, dense: try DenseTensor(Matrix.random(5, 7, seed: UInt64(index)), dtype: .f32), role: .linear)
        }
        return try SampleGraph.graph(matrices + [try SampleGraph.tensor("norm", .f32, [7])])
    }

    private func run(_ work: FinishedWork?) throws -> (graph: TensorGraph, reports: [PassReport]) {
        var graph = try graph()
        let context = PassContext(
            execution: ExecutionContext(threads: 1), seed: 0, original: graph, calibration: Calibration(), heldBack: Calibration())
        let manager = try PassManager(try Pipeline(parsing: pipeline), catalog: PassCatalog([AddingPass.self, ScalingPass.self]))
        let reports = try manager.run(&graph, context, keeping: work)
        return (graph, reports)
    }

    private func floats(_ graph: TensorGraph) throws -> [[Float]] { try graph.tensors.map { try $0.payload.densifiedFloats() } }

    /// However often it is interrupted, nothing is done twice and the result is the same.
    func testNothingIsDoneTwice() throws {
        _ = FinishedWorkTests.made()
        let straight = try run(nil)
        let all = FinishedWorkTests.made()
        XCTAssertEqual(all.count, 3 + 4 + 1 + 3)
        for limit in 1..<all.count {
            var segments: [WorkSegment] = []
            var done: [String] = []
            for _ in 0..<all.count {
                _ = FinishedWorkTests.made(limitingTheNextTo: limit)
                let more = Kept()
                let work = FinishedWork(segments, secondsBetween: 0) { more.segments.append($0) }
                do {
                    let (graph, reports) = try run(work)
                    XCTAssertEqual(try floats(graph), try floats(straight.graph))
                    XCTAssertEqual(reports.map(\.pass), straight.reports.map(\.pass))
                    XCTAssertEqual(reports[1].measurement("factor"), straight.reports[1].measurement("factor"))
                    XCTAssertEqual(reports.map { $0.tensors.map(\.name) }, straight.reports.map { $0.tensors.map(\.name) })
                    XCTAssertEqual(reports[2].tensors[1].measurement("infinite"), .infinity)
                    done += FinishedWorkTests.made()
                    break
                } catch is Cancelled {
                    segments += more.segments
                    done += FinishedWorkTests.made()
                }
            }
            XCTAssertEqual(done, all, "interrupted after \(limit)")
        }
    }

    private final class Kept: @unchecked Sendable {
        var segments: [WorkSegment] = []
    }

    func testWhatIsQuicklyDoneIsNotKept() throws {
        _ = FinishedWorkTests.made(limitingTheNextTo: 7)
        let kept = Kept()
        let work = FinishedWork(secondsBetween: 1000) { kept.segments.append($0) }
        XCTAssertThrowsError(try run(work)) { XCTAssert($0 is Cancelled) }
        XCTAssertFalse(try work.keepAtInterruption())
        XCTAssertTrue(kept.segments.isEmpty)
        _ = FinishedWorkTests.made()
    }

    /// Of a pass that makes all tensors together those that are others than before are kept at its end.
    func testChangedTensorsAreKept() throws {
        _ = FinishedWorkTests.made()
        let kept = Kept()
        _ = try run(FinishedWork(secondsBetween: 0) { kept.segments.append($0) })
        XCTAssertEqual(kept.segments.filter { $0.pass == 1 && $0.report != nil }.map { $0.tensors.map(\.name) }, [names])
        XCTAssertEqual(kept.segments.filter { $0.pass == 0 }.flatMap { $0.tensors.map(\.name) }, names)
        _ = FinishedWorkTests.made()
    }

    /// A segment a pass, with all that is not kept yet.
    func testSegments() throws {
        _ = FinishedWorkTests.made(limitingTheNextTo: 5)
        let kept = Kept()
        let work = FinishedWork(secondsBetween: 0.2) { kept.segments.append($0) }
        XCTAssertThrowsError(try run(work))
        XCTAssertTrue(kept.segments.isEmpty)
        Thread.sleep(forTimeInterval: 0.25)
        XCTAssertTrue(try work.keepAtInterruption())
        XCTAssertTrue(try work.keepAtInterruption())
        XCTAssertEqual(kept.segments.map(\.pass), [0, 1])
        XCTAssertEqual(kept.segments[0].tensors.map(\.name), names)
        XCTAssertNotNil(kept.segments[0].report)
        XCTAssertEqual(kept.segments[1].tensors.count, 0)
        XCTAssertEqual(kept.segments[1].losses.map(\.question.sequences), [[0, 3], [1, 3]])
        XCTAssertNil(kept.segments[1].report)
        _ = FinishedWorkTests.made()
    }

    /// What takes longer to keep than a tenth of the time that it took to make is made again; another pass's work is kept all the same.
    func testWhatIsSlowToKeepIsNotKept() throws {
        _ = FinishedWorkTests.made(limitingTheNextTo: 6)
        let kept = Kept()
        let work = FinishedWork(secondsBetween: 0) { segment in
            kept.segments.append(segment)
            if segment.pass == 0 { Thread.sleep(forTimeInterval: 1.1) }
        }
        XCTAssertThrowsError(try run(work))
        XCTAssertEqual(kept.segments.map(\.pass), [0, 1, 1, 1])
        XCTAssertNil(kept.segments[0].report)
        _ = FinishedWorkTests.made()
        let straight = try run(nil)
        _ = FinishedWorkTests.made()
        let resumed = try run(FinishedWork(kept.segments, secondsBetween: 0) { _ in })
        XCTAssertEqual(try floats(resumed.graph), try floats(straight.graph))
        XCTAssertEqual(FinishedWorkTests.made().count, 11 - 1 - 3)
    }

    /// What is of use until its stage is done has segments of its own, and is let go of when what the stage came to is kept.
    func testInterimWork() throws {
        let kept = Kept()
        let forgotten = Mutex<[InterimStage]>([])
        func work(_ earlier: [WorkSegment]) -> FinishedWork {
            FinishedWork(
                earlier, secondsBetween: 1000, forget: { stage in forgotten.withLock { $0.append(stage) } },
                keep: { kept.segments.append($0) })
        }
        let first = work([])
        let pass = first.pass(2)
        func snapshot(_ value: Double) -> PassSnapshot {
            var made = PassSnapshot()
            made.numbers["value"] = [value]
            return made
        }
        _ = try pass.recordInterim("round 1", "a") { snapshot(1) }
        _ = try pass.recordInterim("round 1", "b") { snapshot(2) }
        _ = try pass.recordInterim("round 2", "a") { snapshot(3) }
        XCTAssertTrue(kept.segments.isEmpty)
        Thread.sleep(forTimeInterval: 2.1)
        XCTAssertTrue(try first.keepAtInterruption())
        XCTAssertEqual(kept.segments.map(\.interim), ["round 1", "round 2"])
        XCTAssertEqual(kept.segments.map { $0.records.map(\.name) }, [["a", "b"], ["a"]])
        // An equal run has them, and its outcome is kept before they are gone.
        let resumed = work(kept.segments).pass(2)
        XCTAssertEqual(try resumed.recordInterim("round 1", "b") { throw Cancelled() }.numbers["value"], [2])
        _ = try resumed.record("rounds", "round 1", isShared: false) { snapshot(7) }
        kept.segments = []
        try resumed.forgetInterim("round 1")
        XCTAssertEqual(kept.segments.map { $0.records.map(\.stage) }, [["rounds"]])
        XCTAssertEqual(forgotten.withLock { $0 }, [InterimStage(pass: 2, name: "round 1")])
    }

    /// Interim work that takes long to keep is no longer kept; the pass's own findings are.
    func testInterimWorkThatIsSlowToKeep() throws {
        let kept = Kept()
        let work = FinishedWork(secondsBetween: 0.001) { segment in
            kept.segments.append(segment)
            if segment.interim != nil { Thread.sleep(forTimeInterval: 1.1) }
        }
        let pass = work.pass(0)
        for name in ["a", "b"] {
            Thread.sleep(forTimeInterval: 0.01)
            _ = try pass.recordInterim("round 1", name) { PassSnapshot() }
        }
        Thread.sleep(forTimeInterval: 0.01)
        _ = try pass.record("rounds", "round 1", isShared: false) { PassSnapshot() }
        XCTAssertEqual(kept.segments.map { $0.records.map(\.name) }, [["a"], ["round 1"]])
    }

    /// Counts what it is asked, and answers by what the weights hold.
    private final class Asked: CalibrationProvider {
        let sequenceCount = 4
        let scoredTokensPerSequence = 1
        var questions: [String] = []

        func losses(sequences: [Int], replacing weights: ReplacedWeights) throws -> [Double] {
            questions.append("replacing \(weights.names.sorted()) \(sequences)")
            let sum = try weights.all().sorted { $0.key < $1.key }.reduce(0.0) { $0 + $1.value.elements.reduce(0) { $0 + Double($1) } }
            return sequences.map { Double($0) + sum }
        }

        func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] {
            questions.append("model \(sequences)")
            return try sequences.map { Double($0) + Double(try XCTUnwrap(graph["a"]).finiteMatrix().elements[0]) }
        }

        func forEachSecondMoment(
            of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
        ) throws {}
    }

    private func matrix(_ value: Float) -> Matrix { Matrix(rows: 5, columns: 7, elements: [Float](repeating: value, count: 35)) }

    /// What is recorded is found by what is asked: set, sequences and weights, in any order, and nothing else is.
    func testLossesAreFoundByWhatIsAsked() throws {
        let graph = try graph()
        let kept = Kept()
        func calibration(
            _ segments: [WorkSegment], _ set: LossQuestion.CalibrationSet = .calibration
        ) -> (provider: RecordedCalibration, asked: Asked) {
            let (asked, work) = (Asked(), FinishedWork(segments, secondsBetween: 0) { kept.segments.append($0) })
            return (RecordedCalibration(asked, set, work.pass(0), original: graph), asked)
        }
        var changed = graph
        try changed.setPayload(.dense(try DenseTensor(matrix(2), dtype: .f32)), of: "a")
        let first = calibration([]).provider
        _ = try first.losses(sequences: [0, 2], replacing: [:])
        _ = try first.losses(sequences: [0, 2], replacing: ["a": matrix(1), "b": matrix(3)])
        _ = try first.losses(sequences: [1], replacingEach: ["a", "b"]) { self.matrix(Float($0) + 4) }
        _ = try first.losses(sequences: [3], of: changed)
        let segments = kept.segments

        // The same questions from last to first, and one that was not asked between them.
        let (second, asked) = calibration(segments)
        XCTAssertEqual(try second.losses(sequences: [3], of: changed), [5])
        XCTAssertEqual(try second.losses(sequences: [2, 0], replacing: [:]), [2, 0])
        XCTAssertEqual(try second.losses(sequences: [1], replacingEach: ["b", "a"]) { self.matrix(Float(5 - $0)) }, [[176], [141]])
        XCTAssertEqual(try second.losses(sequences: [0, 2], replacing: ["b": matrix(3), "a": matrix(1)]), [140, 142])
        XCTAssertEqual(try second.losses(sequences: [0, 2], replacing: [:]), [0, 2])
        XCTAssertEqual(asked.questions, ["replacing [] [2, 0]"])

        // Other weights, another tensor, another model, another set, a tensor replaced alone: other questions.
        let (third, others) = calibration(segments)
        _ = try third.losses(sequences: [0, 2], replacing: ["a": matrix(3), "b": matrix(1)])
        _ = try third.losses(sequences: [0, 2], replacing: ["a": matrix(1)])
        _ = try third.losses(sequences: [1], replacing: ["a": matrix(4)])
        _ = try third.losses(sequences: [3], of: graph)
        XCTAssertEqual(others.questions.count, 4)
        let (heldBack, elsewhere) = calibration(segments, .heldBack)
        _ = try heldBack.losses(sequences: [0, 2], replacing: [:])
        XCTAssertEqual(elsewhere.questions.count, 1)
        // Of alternatives those that are missing are asked for.
        let (fourth, missing) = calibration(segments)
        XCTAssertEqual(try fourth.losses(sequences: [1], replacingEach: ["a", "c"]) { self.matrix(Float($0) + 4) }, [[141], [176]])
        XCTAssertEqual(missing.questions, [#"replacing ["c"] [1]"#])
    }

    /// A tensor that the graph does not have is no result of the run.
    func testAnotherModelIsRefused() throws {
        var segment = WorkSegment(pass: 0)
        let other = try SampleGraph.tensor("d", .f32, [5, 7])
        segment.tensors = [FinishedTensor(name: "d", payload: other.payload, report: nil)]
        segment.report = PassReport(pass: "adding")
        let work = FinishedWork([segment]) { _ in }
        XCTAssertThrowsError(try run(work)) { XCTAssert("\($0)".contains("tensor 'd'"), "\($0)") }
    }
}
