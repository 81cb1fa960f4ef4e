import LayerwiseCompression
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
        for settings in [
            "mode=scores batch=2", "mode=uniform outputs=alike", "mode=learned steps=6 batch=2", "objective=block batch=2",
            "objective=block mode=uniform outputs=alike", "objective=weights",
        ] {
            try PassConformance(passes, pipeline: "rpca,prune-probabilistic{\(settings)}", needsCalibration: true).run()
        }
    }

    /// Never above the budget, and within a thousandth of it.
    func testBudgetIsMetInEveryMode() throws {
        for mode in ["mode=scores batch=4", "steps=4 batch=4", "mode=uniform", "mode=scores objective=block batch=4", "objective=weights"] {
            for keep in [0.1, 0.31, 0.5, 0.8] {
                let report = try apply("rpca,prune-probabilistic{\(mode) keep=\(keep)}").report
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
        for mode in ["mode=scores batch=4", "mode=learned steps=20 batch=4", "objective=block batch=4"] {
            var result = graph
            let pipeline = try Pipeline(parsing: "prune-probabilistic{\(mode)}")
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

    /// Shares of the mean, and a tenth of it; all alike where nothing costs anything.
    func testPricesAreSharesOfTheMean() {
        XCTAssertEqual(OutputCurvature.shares([1, 3, 0, 4]), [0.6, 1.6, 0.1, 2.1])
        XCTAssertEqual(OutputCurvature.shares([0, 0]), [1, 1])
    }

    /// Entries go to the outputs whose errors cost the loss most, and the loss is less than where all outputs count alike.
    func testEntriesGoToDearOutputs() throws {
        let graph = try SampleModel.graph { _, rows, columns in SampleModel.heavyTailed(rows, columns, seed: 21) }
        func dear(_ row: Int) -> Bool { row % 4 == 0 }
        let calibration = try QuadraticCalibration(graph, sequences: 8, importanceOfOutput: { dear($0) ? 16 : 1 })
        func pruned(_ options: String) throws -> (loss: Double, share: Double) {
            var result = graph
            let pipeline = try Pipeline(parsing: "prune-probabilistic{keep=0.4 mode=uniform \(options)}")
            let context = PassContext(execution: .init(threads: 2), seed: 3, original: graph, calibration: calibration)
            _ = try PassManager(pipeline, catalog: PassCatalog(passes)).run(&result, context)
            let matrices = try result.tensors.filter { $0.role == .linear }.map { try $0.payload.densifiedMatrix() }
            var (kept, ofDear) = (0, 0)
            for matrix in matrices {
                for row in 0..<matrix.rows {
                    let count = (0..<matrix.columns).count { matrix[row, $0] != 0 }
                    kept += count
                    ofDear += dear(row) ? count : 0
                }
            }
            let losses = try calibration.losses(sequences: Array(0..<8), of: result)
            return (losses.reduce(0, +) / 8 - 1, Double(ofDear) / Double(kept))
        }
        for objective in ["loss", "block"] {
            let fisher = try pruned("objective=\(objective) outputs=fisher")
            let alike = try pruned("objective=\(objective) outputs=alike")
            XCTAssertEqual(alike.share, 0.25, accuracy: 0.05, objective)
            XCTAssertGreaterThan(fisher.share, 0.35, objective)
            XCTAssertLessThan(fisher.loss, 0.8 * alike.loss, objective)
        }
    }

    func testOneSeedOneResult() throws {
        func values(_ seed: UInt64) throws -> [[Float]] {
            try apply("rpca,prune-probabilistic{steps=8 batch=2 rate=0.3}", seed: seed).graph.tensors.map {
                try $0.payload.densifiedFloats()
            }
        }
        XCTAssertEqual(try values(1), try values(1))
    }

    func testRequestsThatCannotBeMet() throws {
        XCTAssertThrowsError(try apply("prune-probabilistic{keep=0}"))
        let without = PassConformance(passes, pipeline: "prune-probabilistic")
        XCTAssertThrowsError(try without.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains("calibration"), "\($0)") }
        XCTAssertThrowsError(try apply("prune-probabilistic{layers=embedding}")) {
            XCTAssertTrue("\($0)".contains("inside blocks"), "\($0)")
        }
        XCTAssertThrowsError(try apply("prune-probabilistic{keep=0.0000001}")) { XCTAssertTrue("\($0)".contains("no parameter"), "\($0)") }
    }

    private func manager(_ text: String) throws -> PassManager {
        try PassManager(Pipeline(parsing: text), catalog: PassCatalog(passes))
    }

    /// What means nothing beside another option is refused by name.
    func testOptionsThatMeanNothingAreRefused() throws {
        for (options, words) in [
            ("mode=scores steps=3", "steps=3"), ("mode=uniform batch=2", "batch=2"), ("mode=scores sigma=0.1", "sigma=0.1"),
            ("steps=0 rate=0.1", "rate=0.1"), ("objective=block mode=learned", "mode=learned"), ("objective=block steps=2", "steps=2"),
            ("objective=weights mode=scores", "mode=scores"), ("objective=weights refit=solve", "refit=solve"),
            ("refit=none sequential=true", "sequential=true"), ("objective=weights sequential=true", "sequential=true"),
            ("objective=weights batch=3", "batch=3"), ("objective=weights outputs=fisher", "outputs=fisher"),
        ] {
            XCTAssertThrowsError(try manager("prune-probabilistic{\(options)}"), options) {
                XCTAssertEqual(($0 as? PipelineError)?.kind, .badOption)
                XCTAssertTrue("\($0)".contains("\(words) of 'prune-probabilistic' means nothing with"), "\($0)")
            }
        }
        for options in ["mode=published", "window=3", "passes=2", "refit=values"] {
            XCTAssertThrowsError(try manager("prune-probabilistic{\(options)}"), options)
        }
    }

    /// Weights are the original's: what else than a low-rank part was made before would be thrown away.
    func testWhatWouldBeThrownAwayIsRefused() throws {
        XCTAssertThrowsError(try manager("prune-probabilistic{keep=0.7},prune-probabilistic")) {
            XCTAssertEqual(($0 as? PipelineError)?.kind, .badOrder)
        }
        XCTAssertNoThrow(try manager("rpca,prune-probabilistic"))
    }
}
