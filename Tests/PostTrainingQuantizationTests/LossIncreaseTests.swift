import ModelGraph
import PassKit
import PostTrainingQuantization
import TestSupport
import XCTest

/// `quantize{increase=…}`: as few bits as an increase of the loss leaves.
final class LossIncreaseTests: XCTestCase {
    private func quantized(
        _ options: String, _ graph: TensorGraph, heldBack: QuadraticCalibration? = nil
    ) throws -> (graph: TensorGraph, report: PassReport, calibration: QuadraticCalibration) {
        let calibration = try QuadraticCalibration(graph, sequences: 12)
        let context = PassContext(
            execution: .init(threads: 2), seed: 0, original: graph, calibration: calibration, heldBack: heldBack)
        var result = graph
        let manager = try PassManager(Pipeline(parsing: "quantize{\(options) target=dense}"), catalog: PassCatalog([QuantizePass.self]))
        let report = try manager.run(&result, context)[0]
        return (result, report, calibration)
    }

    /// The loss computed here, over all sequences: at most what was asked for, and at least nine tenths of it.
    func testIncreaseIsMet() throws {
        let graph = try SampleModel.graph(blocks: 2, hidden: 64, intermediate: 96)
        var rates: [Double] = []
        for increase in [0.002, 0.0002, 0.00002] {
            let (result, report, calibration) = try quantized("increase=\(increase)", graph)
            let losses = try calibration.losses(sequences: Array(0..<12), of: result)
            let found = losses.reduce(0, +) / 12 - 1
            XCTAssertLessThanOrEqual(found, increase * 1.000001)
            XCTAssertGreaterThan(found, 0.9 * increase)
            let stated = try XCTUnwrap(report.measurement("loss.final")) - XCTUnwrap(report.measurement("loss.dense"))
            XCTAssertEqual(stated, found, accuracy: 1e-9)
            rates.append(try XCTUnwrap(report.measurement("entropyBitsPerValue")))
        }
        // A tenth of the squared error is log₄ 10 = 1.66 bits, at rates as high as these.
        XCTAssertEqual(rates[1] - rates[0], 1.66, accuracy: 0.3)
        XCTAssertEqual(rates[2] - rates[1], 1.66, accuracy: 0.3)
    }

    /// With a refit the loss after it is what counts, for codes and for blocks: the rate is lower by what the refit makes good.
    func testIncreaseAfterARefitIsMet() throws {
        let graph = try SampleModel.graph(blocks: 2, hidden: 64, intermediate: 96)
        for (options, name) in [
            ("increase=0.02 fine=true", "entropyBitsPerValue"), ("increase=0.0003 coding=blocks types=q4_0+q8_0+iq4_nl", "bitsPerWeight"),
        ] {
            let plain = try quantized(options, graph).report
            let (result, report, calibration) = try quantized("\(options) refit=20", graph)
            let losses = try calibration.losses(sequences: Array(0..<12), of: result)
            let found = losses.reduce(0, +) / 12 - 1
            let allowed = options.contains("blocks") ? 0.0003 : 0.02
            XCTAssertLessThanOrEqual(found, allowed * 1.000001, options)
            let stated = try XCTUnwrap(report.measurement("loss.final")) - XCTUnwrap(report.measurement("loss.dense"))
            XCTAssertEqual(stated, found, accuracy: 1e-9, options)
            XCTAssertTrue(report.notes.contains { $0.contains("after a refit of its scales") }, "\(report.notes)")
            XCTAssertLessThan(try XCTUnwrap(report.measurement(name)), try XCTUnwrap(plain.measurement(name)), options)
        }
    }

    /// The same bytes for any number of threads, and where it is interrupted.
    func testConformanceWithARefit() throws {
        try PassConformance([QuantizePass.self], pipeline: "quantize{increase=0.05 target=dense refit=2}", needsCalibration: true).run()
    }

    /// What counts is the text that nothing was fitted to.
    func testHeldBackTextDecides() throws {
        let graph = try SampleModel.graph(blocks: 1, hidden: 64, intermediate: 96)
        let dear = try QuadraticCalibration(
            graph, sequences: 6, importance: Dictionary(uniqueKeysWithValues: graph.tensors.map { ($0.name, 16) }), seed: 9)
        let (result, report, _) = try quantized("increase=0.002", graph, heldBack: dear)
        let found = try dear.losses(sequences: Array(0..<6), of: result).reduce(0, +) / 6 - 1
        XCTAssertLessThanOrEqual(found, 0.002 * 1.000001)
        XCTAssertGreaterThan(found, 0.0018)
        XCTAssertTrue(report.notes.contains { $0.contains("6 sequences that were not calibrated on") }, "\(report.notes)")
    }

    func testWhatCannotBeMetIsRefused() throws {
        let graph = try SampleModel.graph(blocks: 1)
        for (options, words) in [
            ("increase=0.000000000001", "no step raises"), ("increase=0.1 size=1000", "needs no increase="),
            ("increase=0.1 coding=fixed", "no increase"), ("bits=2.5 refit=2", "increase="),
        ] {
            XCTAssertThrowsError(try quantized(options, graph), options) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
    }
}
