import LinearAlgebra
import ModelGraph
import PassKit
import RPCA
import TestSupport
import XCTest

@testable import ProbabilisticPruning

final class PruningTests: XCTestCase {
    private let passes: [any Pass.Type] = [RPCAPass.self, ProbabilisticPruningPass.self]

    private func apply(_ pipeline: String, to graph: TensorGraph? = nil, seed: UInt64 = 0) throws -> (
        graph: TensorGraph, report: PassReport
    ) {
        let graph = try graph ?? SampleModel.graph()
        let result = try PassConformance(passes, pipeline: pipeline, needsCalibration: true).apply(to: graph, seed: seed)
        return (result.graph, try XCTUnwrap(result.reports.last))
    }

    func testConformanceOfEveryMode() throws {
        for settings in ["mode=published", "mode=scores", "mode=uniform", "mode=learned", "objective=block", "objective=weights"] {
            try PassConformance(
                passes, pipeline: "rpca,prune-probabilistic{\(settings) steps=6 batch=2}", needsCalibration: true
            ).run()
        }
    }

    /// Never above the budget, and within a thousandth of it.
    func testBudgetIsMetInEveryMode() throws {
        for mode in ["published", "scores", "learned", "uniform", "scores objective=block", "scores objective=weights"] {
            for keep in [0.1, 0.31, 0.5, 0.8] {
                let report = try apply("rpca,prune-probabilistic{mode=\(mode) keep=\(keep) steps=4 batch=4}").report
                let budget = try XCTUnwrap(report.measurement("budget"))
                let kept = Double(report.tensors.reduce(0) { $0 + $1.parametersAfter })
                XCTAssertEqual(try XCTUnwrap(report.measurement("parameters.kept")), kept)
                XCTAssertLessThanOrEqual(kept, budget, "\(mode) \(keep)")
                XCTAssertGreaterThanOrEqual(kept, budget * 0.999 - 1, "\(mode) \(keep)")
            }
        }
    }

    /// What the default makes is better than pruning by magnitude, on the loss that it was given and by the calibration's own figure.
    func testDefaultBeatsMagnitudeAndTheReportComparesAllOfThem() throws {
        for keep in [0.3, 0.5, 0.7] {
            let report = try apply("rpca,prune-probabilistic{keep=\(keep) steps=10 batch=4}").report
            let dense = try XCTUnwrap(report.measurement("loss.dense"))
            let magnitude = try XCTUnwrap(report.measurement("loss.magnitude"))
            let final = try XCTUnwrap(report.measurement("loss.final"))
            XCTAssertEqual(dense, 1, accuracy: 1e-9)
            XCTAssertLessThan(final - dense, 0.7 * (magnitude - dense), "keep=\(keep)")
            for name in ["loss.uniform", "loss.scores", "loss.learned"] { XCTAssertNotNil(report.measurement(name), name) }
        }
        let published = try apply("rpca,prune-probabilistic{mode=published}").report
        for name in ["loss.scores", "loss.published", "loss.magnitude", "loss.final"] { XCTAssertNotNil(published.measurement(name), name) }
        func figure(_ name: String) throws -> Double { try XCTUnwrap(published.measurement(name), name) }
        let gain = try figure("gain.policyGradient")
        XCTAssertEqual(gain, try figure("loss.scores") - figure("loss.published"), accuracy: 1e-9)
        XCTAssertLessThanOrEqual(try figure("gain.policyGradient.low"), gain)
        XCTAssertGreaterThanOrEqual(try figure("gain.policyGradient.high"), gain)
    }

    /// Falls of 1, 2 and 3 nats: mean 2, standard deviation 1, 1.96 / √3 to either side.
    func testConfidenceIntervalOfAGain() throws {
        var report = PassReport(pass: "p")
        PairedGain(before: [2, 4, 6], after: [1, 2, 3]).measure("gain", in: &report)
        XCTAssertEqual(try XCTUnwrap(report.measurement("gain")), 2, accuracy: 1e-12)
        XCTAssertEqual(try XCTUnwrap(report.measurement("gain.low")), 2 - 1.96 / 3.0.squareRoot(), accuracy: 1e-12)
        XCTAssertEqual(try XCTUnwrap(report.measurement("gain.high")), 2 + 1.96 / 3.0.squareRoot(), accuracy: 1e-12)
    }

    /// A layer whose output errors cost a hundred times more gets more of the budget, in scores alone and after learning.
    func testBudgetGoesWhereTheLossIs() throws {
        let graph = try SampleModel.graph { _, rows, columns in SampleModel.heavyTailed(rows, columns, seed: 21) }
        let dear = "model.layers.1.mlp.up_proj.weight"
        let calibration = try QuadraticCalibration(graph, sequences: 8, importance: [dear: 100])
        for mode in ["scores", "learned", "learned objective=block"] {
            var result = graph
            let pipeline = try Pipeline(parsing: "prune-probabilistic{mode=\(mode) steps=20 batch=4}")
            let context = PassContext(execution: .init(threads: 2), seed: 3, original: graph, calibration: calibration)
            let report = try XCTUnwrap(PassManager(pipeline, catalog: PassCatalog(passes)).run(&result, context).last)
            let densities = Dictionary(uniqueKeysWithValues: report.tensors.map { ($0.name, $0.measurement("density") ?? 0) })
            let twin = try XCTUnwrap(densities["model.layers.0.mlp.up_proj.weight"])
            XCTAssertGreaterThan(try XCTUnwrap(densities[dear]), twin + 0.1, mode)
        }
    }

    /// A strong low-rank part is found and kept as factors; noise gets none.
    func testRankGoesToTheLayerThatHasOne() throws {
        let low = "model.layers.0.mlp.up_proj.weight"
        let graph = try SampleModel.graph(hidden: 48, intermediate: 64) { name, rows, columns in
            guard name == low else { return SampleModel.heavyTailed(rows, columns, seed: 8) }
            let noise = Matrix.random(rows, columns, seed: 9)
            let strong = Matrix.randomLowRank(rows, columns, rank: 2, seed: 10)
            return Matrix(rows: rows, columns: columns, elements: zip(strong.elements, noise.elements).map { $0 * 0.2 + $1 * 0.01 })
        }
        let result = try apply("rpca{iterations=100},prune-probabilistic{keep=0.4 steps=4}", to: graph)
        let ranks = Dictionary(uniqueKeysWithValues: result.report.tensors.map { ($0.name, $0.measurement("rank") ?? 0) })
        XCTAssertGreaterThanOrEqual(try XCTUnwrap(ranks[low]), 2)
        XCTAssertEqual(ranks.filter { $0.key != low }.values.reduce(0, +), 0)
        let entry = try XCTUnwrap(result.report.tensors.first { $0.name == low })
        XCTAssertLessThan(entry.relativeError, 0.05)
        // The report says what the rank saves there, and that it was left out wherever it would have cost.
        XCTAssertGreaterThan(try XCTUnwrap(entry.measurement("rankGain")), 0.5)
        for tensor in result.report.tensors where tensor.name != low {
            XCTAssertLessThanOrEqual(tensor.measurement("rankGain") ?? 0, 0, tensor.name)
        }
    }

    func testOneSeedOneResult() throws {
        for mode in ["published", "learned"] {
            let pipeline = "rpca,prune-probabilistic{mode=\(mode) steps=8 batch=2 rate=0.3}"
            func values(_ seed: UInt64) throws -> [[Float]] {
                try apply(pipeline, seed: seed).graph.tensors.map { try $0.payload.densifiedFloats() }
            }
            XCTAssertEqual(try values(1), try values(1))
            if mode == "published" { XCTAssertNotEqual(try values(1), try values(2), "the seed is not used") }
        }
    }

    func testRequestsThatCannotBeMet() throws {
        XCTAssertThrowsError(try apply("prune-probabilistic{mode=published}")) {
            XCTAssertTrue("\($0)".contains("put rpca before it"), "\($0)")
        }
        XCTAssertThrowsError(try apply("prune-probabilistic{keep=0}"))
        let without = PassConformance(passes, pipeline: "prune-probabilistic")
        XCTAssertThrowsError(try without.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains("--calibration"), "\($0)") }
        XCTAssertThrowsError(try apply("prune-probabilistic{layers=embedding}")) {
            XCTAssertTrue("\($0)".contains("inside blocks"), "\($0)")
        }
        XCTAssertThrowsError(try apply("prune-probabilistic{keep=0.0000001}")) { XCTAssertTrue("\($0)".contains("no parameter"), "\($0)") }
    }

    /// S computed again on the support is closer to the weights than the shrunk pool is.
    func testRefitOfValuesUndoesTheShrinking() throws {
        let none = try apply("rpca,prune-probabilistic{mode=published refit=none passes=1}").report
        let values = try apply("rpca,prune-probabilistic{mode=published refit=values passes=1}").report
        let solve = try apply("rpca,prune-probabilistic{mode=published refit=solve passes=1}").report
        XCTAssertLessThan(values.relativeError, none.relativeError)
        XCTAssertLessThan(try XCTUnwrap(solve.measurement("loss.final")), try XCTUnwrap(none.measurement("loss.final")))
    }
}
