import Execution
import LinearAlgebra
import MagnitudePruning
import ModelGraph
import PassKit
import PostTrainingQuantization
import RPCA
import Refit
import TestSupport
import XCTest

final class RefitTests: XCTestCase {
    private let passes: [any Pass.Type] = [MagnitudePass.self, RPCAPass.self, QuantizePass.self, RefitPass.self]

    private func apply(_ pipeline: String, seed: UInt64 = 0) throws -> (graph: TensorGraph, reports: [PassReport]) {
        try PassConformance(passes, pipeline: pipeline, needsCalibration: true).apply(to: SampleModel.graph(), seed: seed)
    }

    private func loss(_ graph: TensorGraph) throws -> Double {
        let calibration = try QuadraticCalibration(SampleModel.graph(), sequences: 8)
        let weights = try graph.tensors.filter { $0.role == .linear }.map { ($0.name, try $0.payload.densifiedMatrix()) }
        let losses = try calibration.losses(sequences: Array(0..<8), replacing: ReplacedWeights(Dictionary(uniqueKeysWithValues: weights)))
        return losses.reduce(0, +) / 8 - 1
    }

    func testConformance() throws {
        for pipeline in [
            "magnitude,refit{passes=2}", "rpca{iterations=10},refit{objective=block passes=1 batch=3}",
            "magnitude,refit{objective=weights}",
        ] {
            try PassConformance(passes, pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// The least loss that values on these positions can reach: of each row the normal equations on its support, solved by elimination.
    private func leastLoss(_ pruned: TensorGraph) throws -> Double {
        let original = try SampleModel.graph()
        let calibration = try QuadraticCalibration(original, sequences: 8)
        var weights: [String: Matrix] = [:]
        try calibration.forEachSecondMoment { group, h in
            for name in group.members {
                let w = try XCTUnwrap(original[name]).payload.densifiedMatrix()
                var best = try XCTUnwrap(pruned[name]).payload.densifiedMatrix()
                for row in 0..<w.rows {
                    let support = (0..<w.columns).filter { best[row, $0] != 0 }
                    var system = support.map { i -> [Double] in
                        support.map { Double(h[i, $0]) } + [(0..<w.columns).reduce(0.0) { $0 + Double(h[i, $1]) * Double(w[row, $1]) }]
                    }
                    for k in support.indices {
                        for i in support.indices where i != k {
                            let factor = system[i][k] / system[k][k]
                            for j in system[i].indices { system[i][j] -= factor * system[k][j] }
                        }
                    }
                    for (k, column) in support.enumerated() { best[row, column] = Float(system[k][support.count] / system[k][k]) }
                }
                weights[name] = best
            }
        }
        let losses = try calibration.losses(sequences: Array(0..<8), replacing: ReplacedWeights(weights))
        return losses.reduce(0, +) / 8 - 1
    }

    /// Values alone move, and get to the least loss that the positions allow.
    func testTheLossFallsAndNothingIsAdded() throws {
        let pruned = try apply("magnitude{keep=0.4}").graph
        let least = try leastLoss(pruned)
        XCTAssertLessThan(least, try 0.98 * loss(pruned), "or there is nothing to gain")
        for objective in ["loss", "block"] {
            let (graph, reports) = try apply("magnitude{keep=0.4},refit{objective=\(objective) passes=40 rate=0.05}")
            XCTAssertEqual(try loss(graph) / least, 1, accuracy: 0.005, objective)
            XCTAssertEqual(reports[1].parametersAfter, reports[1].parametersBefore)
            for (a, b) in zip(graph.tensors, pruned.tensors) where a.role == .linear {
                let (new, old) = (try a.payload.densifiedFloats(), try b.payload.densifiedFloats())
                XCTAssertTrue(zip(new, old).allSatisfy { $1 != 0 || $0 == 0 }, "\(a.name): an entry that was pruned came back")
            }
        }
    }

    /// Low-rank factors move too.
    func testFactorsMove() throws {
        let before = try apply("rpca{iterations=30}").graph
        let (after, _) = try apply("rpca{iterations=30},quantize{target=s bits=3},refit{passes=20}")
        let quantised = try apply("rpca{iterations=30},quantize{target=s bits=3}").graph
        XCTAssertLessThan(try loss(after), try loss(quantised))
        for (a, b) in zip(after.tensors, quantised.tensors) {
            XCTAssertEqual(a.payload.rank, b.payload.rank)
            XCTAssertEqual(a.payload.byteCount, b.payload.byteCount, "\(a.name): codes stay codes")
        }
        XCTAssertEqual(before.tensors.count, after.tensors.count)
    }

    /// Of codes the scales move and the codes stay: those of groups, of columns, and of values that were pruned.
    func testScalesOfCodesMove() throws {
        // What was pruned away no scale brings back.
        for (pipeline, share) in [("quantize{bits=2 target=dense group=16}", 0.9), ("magnitude{keep=0.5},quantize{bits=2 target=s}", 0.99)]
        {
            let before = try apply(pipeline).graph
            for objective in ["loss", "block"] {
                let (after, reports) = try apply("\(pipeline),refit{objective=\(objective) passes=40 rate=0.02}")
                XCTAssertLessThan(try loss(after), try share * loss(before), "\(pipeline), \(objective)")
                XCTAssertFalse(try XCTUnwrap(reports.last).tensors.isEmpty)
                for (a, b) in zip(after.tensors, before.tensors) where a.role == .linear {
                    XCTAssertEqual(a.payload.byteCount, b.payload.byteCount, "\(a.name): codes stay codes")
                    let (new, old) = (try codes(a.payload), try codes(b.payload))
                    XCTAssertFalse(new.isEmpty)
                    XCTAssertEqual(new, old, a.name)
                }
            }
        }
    }

    /// Of blocks of ggml's types the halves move: the types and the size stay.
    func testScalesOfBlocksMove() throws {
        let original = try SampleModel.graph(hidden: 32, intermediate: 64)
        func apply(_ pipeline: String) throws -> (graph: TensorGraph, reports: [PassReport]) {
            try PassConformance(passes, pipeline: pipeline, needsCalibration: true).apply(to: original, seed: 0)
        }
        func loss(_ graph: TensorGraph) throws -> Double {
            let weights = try graph.tensors.filter { $0.role == .linear }.map { ($0.name, try $0.payload.densifiedMatrix()) }
            let replaced = ReplacedWeights(Dictionary(uniqueKeysWithValues: weights))
            let losses = try QuadraticCalibration(original, sequences: 8).losses(sequences: Array(0..<8), replacing: replaced)
            return losses.reduce(0, +) / 8 - 1
        }
        let pipeline = "quantize{coding=blocks bits=5 types=q4_0 objective=weights}"
        let before = try apply(pipeline).graph
        for objective in ["loss", "block"] {
            let (after, reports) = try apply("\(pipeline),refit{objective=\(objective) passes=40 rate=0.01}")
            XCTAssertLessThan(try loss(after), try 0.98 * loss(before), objective)
            XCTAssertEqual(try XCTUnwrap(reports.last).tensors.count, 12)
            for (a, b) in zip(after.tensors, before.tensors) where a.role == .linear {
                guard case .blocks(let new) = a.payload, case .blocks(let old) = b.payload else {
                    return XCTFail("\(a.name) has no blocks")
                }
                XCTAssertEqual(new.codec, old.codec)
            }
        }
        // What came in blocks, and nothing has changed, stays.
        let report = try XCTUnwrap(
            PassConformance(passes, pipeline: "refit{passes=1}", needsCalibration: true).apply(to: before, seed: 0).reports.last)
        XCTAssertTrue(report.tensors.isEmpty)
        XCTAssertTrue(report.leftAlone.contains { $0.reason.contains("blocks that the model came with") }, "\(report.leftAlone)")
        // Blocks that a pass has made of blocks of the same type are others.
        let scaled = try before.mapTensors { tensor in
            guard case .blocks(let blocks) = tensor.payload else { return tensor }
            var tensor = tensor
            tensor.payload = .blocks(
                try blocks.scalingHalves(by: [Float](repeating: 1.02, count: blocks.halfCount), name: tensor.name))
            return tensor
        }
        let context = PassContext(
            execution: ExecutionContext(threads: 2), seed: 0, original: before, calibration: try QuadraticCalibration(before, sequences: 8))
        var moved = scaled
        let again = try PassManager(try Pipeline(parsing: "refit{passes=1}"), catalog: PassCatalog(passes)).run(&moved, context)
        XCTAssertEqual(again[0].tensors.count, 12)
    }

    private func codes(_ payload: Payload) throws -> [UInt8] {
        switch payload {
        case .quantized(let tensor): return try tensor.codes.withUnsafeBytes { Array($0) }
        case .sparse(let sparse): return try codes(sparse.values)
        case .composite(let terms): return try terms.flatMap(codes)
        default: return []
        }
    }

    /// What would be larger than it may be stays as it was, with a warning; of codes whose scales of columns are coarse too, where no size is said.
    func testTheSizeIsKept() throws {
        let original = try SampleModel.graph()
        func refitted(_ options: String, bytes: Int?) throws -> (moved: Bool, report: PassReport?) {
            let calibration = try QuadraticCalibration(original, sequences: 8)
            let context = PassContext(
                execution: ExecutionContext(threads: 2), seed: 0, original: original, calibration: calibration,
                outputByteCount: bytes.map { bytes in { _ in bytes } })
            let codes = "quantize{bits=2.5 target=dense objective=weights}"
            func run(_ pipeline: String) throws -> (TensorGraph, [PassReport]) {
                var graph = original
                let reports = try PassManager(try Pipeline(parsing: pipeline), catalog: PassCatalog(passes)).run(&graph, context)
                return (graph, reports)
            }
            let before = try run(codes).0
            let (after, reports) = try run("\(codes),refit{passes=2\(options)}")
            let same = try zip(before.tensors, after.tensors).allSatisfy {
                try $0.payload.densifiedFloats() == $1.payload.densifiedFloats()
            }
            return (!same, reports.last)
        }
        XCTAssertTrue(try refitted("", bytes: 1000).moved)
        XCTAssertTrue(try refitted(" size=1000", bytes: 1000).moved)
        let (moved, report) = try refitted(" size=999", bytes: 1000)
        XCTAssertFalse(moved)
        XCTAssertTrue(try XCTUnwrap(report).tensors.isEmpty)
        XCTAssertTrue(report?.warnings?.contains { $0.contains("1000 bytes, more than size=999") } == true)
        XCTAssertThrowsError(try refitted(" size=999", bytes: nil)) { XCTAssertTrue("\($0)".contains("size="), "\($0)") }
    }

    /// Weights alone have nothing to say of scales.
    func testScalesStayWhereWeightsAloneCount() throws {
        let report = try XCTUnwrap(apply("quantize{bits=2 target=dense},refit{objective=weights}").reports.last)
        XCTAssertTrue(report.leftAlone.contains { $0.reason.contains("no sparse or low-rank values in floats") })
    }

    /// A rate that destroys the model on what was held back leaves the model as it was.
    func testWhatDoesNotHelpIsNotKept() throws {
        let (graph, reports) = try PassConformance(passes, pipeline: "magnitude,refit{rate=1 passes=2}", needsCalibration: true)
            .apply(to: SampleModel.graph())
        let pruned = try apply("magnitude").graph
        XCTAssertEqual(reports[1].measurement("divergence.heldBack.before"), reports[1].measurement("divergence.heldBack.after"))
        for (a, b) in zip(graph.tensors, pruned.tensors) {
            XCTAssertEqual(try a.payload.densifiedFloats(), try b.payload.densifiedFloats())
        }
    }

    /// Where steps of the usual size do harm, at the least loss that there is, smaller ones are taken, and nothing gets worse.
    func testStepsShrinkWhereTheyDoHarm() throws {
        let settled = "magnitude{keep=0.4},refit{passes=300 rate=0.03 batch=8}"
        let (graph, reports) = try apply("\(settled),refit{passes=2 batch=1}")
        XCTAssertLessThan(try XCTUnwrap(reports[2].measurement("rate")), 0.01)
        XCTAssertLessThanOrEqual(try loss(graph), try loss(apply(settled).graph) * (1 + 1e-6))
    }

    /// objective=weights: of magnitude's values nothing changes; of a composite the weight is met better than before.
    func testWeightsAlone() throws {
        let magnitude = try apply("magnitude,refit{objective=weights}").reports[1]
        XCTAssertEqual(magnitude.relativeError, 0)
        func error(_ pipeline: String) throws -> Double {
            let original = try SampleModel.graph()
            return try apply(pipeline).graph.tensors.filter { $0.role == .linear }.reduce(0) { sum, tensor in
                sum
                    + (try tensor.payload.densifiedMatrix() - XCTUnwrap(original[tensor.name]).payload.densifiedMatrix())
                    .squaredFrobeniusNorm
            }
        }
        XCTAssertLessThan(try error("rpca{iterations=3},refit{objective=weights}"), try 0.5 * error("rpca{iterations=3}"))
    }

    func testNothingPrunedIsSaid() throws {
        let report = try XCTUnwrap(apply("refit").reports.first)
        XCTAssertTrue(report.tensors.isEmpty)
        XCTAssertTrue(report.notes.joined().contains("nothing here was pruned"))
        XCTAssertTrue(report.leftAlone.contains { $0.reason.contains("no sparse or low-rank") })
    }

    /// Without calibration text only objective=weights runs.
    func testCalibrationIsAskedFor() throws {
        let manager = try PassManager(try Pipeline(parsing: "magnitude,refit"), catalog: PassCatalog(passes))
        XCTAssertThrowsError(try manager.checkCalibration(isGiven: false)) { XCTAssertTrue("\($0)".contains("calibration"), "\($0)") }
        XCTAssertNoThrow(
            try PassManager(try Pipeline(parsing: "magnitude,refit{objective=weights}"), catalog: PassCatalog(passes)).checkCalibration(
                isGiven: false))
    }
}
