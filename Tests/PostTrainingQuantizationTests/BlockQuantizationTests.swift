import Execution
import Foundation
import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import XCTest

@testable import PostTrainingQuantization

/// Blocks of ggml's types: what rounding says it costs is what comes back, errors are fed forward, and types are chosen by their prices.
final class BlockQuantizationTests: XCTestCase {
    private let execution = ExecutionContext(threads: 2)
    private static let codecs = BlockType.codecs(of: [.auto, .q4_0])

    private func values(_ count: Int, seed: Int = 1) -> [Float] {
        var state = UInt64(seed &* 7919 &+ 17)
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let a = Float(state >> 40) / Float(1 << 24) - 0.5
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return a + Float(state >> 40) / Float(1 << 24) - 0.5
        }
    }

    /// Inputs of which neighbours are alike: a first-order autoregression.
    private func curvature(_ columns: Int, rows: Int) -> WeightCurvature {
        var powers: [Float] = [1]
        for _ in 1..<columns { powers.append(powers[powers.count - 1] * 0.9) }
        let inputs = Matrix(rows: columns, columns: columns) { out in
            for i in out.indices { out[i] = powers[abs(i / columns - i % columns)] }
        }
        return WeightCurvature(inputs: inputs, rows: (0..<rows).map { 0.5 + Double($0 % 3) })
    }

    private func tensor(rows: Int, columns: Int, name: String = "w", seed: Int = 1) throws -> Tensor {
        Tensor(
            name: name, dense: try DenseTensor(floats: values(rows * columns, seed: seed), shape: Shape(rows: rows, columns: columns)),
            role: .linear)
    }

    private func floats(_ payload: Payload) throws -> [Float] { try payload.densifiedFloats() }

    /// ½ Σᵣ rows[r]·δᵣ H δᵣᵀ.
    private func cost(_ payload: Payload, of tensor: Tensor, _ inputs: Matrix, _ rows: [Double]) throws -> Double {
        let (a, b, n) = (try floats(tensor.payload), try floats(payload), tensor.shape.columns)
        return (0..<tensor.shape.rows).reduce(0.0) { sum, row in
            let delta = (0..<n).map { Double(a[row * n + $0]) - Double(b[row * n + $0]) }
            let quadratic = (0..<n).reduce(0.0) { sum, i in
                sum + delta[i] * (0..<n).reduce(0.0) { $0 + Double(inputs[i, $1]) * delta[$1] }
            }
            return sum + 0.5 * rows[row] * quadratic
        }
    }

    func testCostsAreThoseOfWhatComesBack() throws {
        let tensor = try tensor(rows: 7, columns: 512)
        let curvature = curvature(512, rows: 7)
        let damped = curvature.inputs.damped(SolverSettings.single.damping)
        let matrix = try BlockMatrix(tensor, curvature: curvature, execution)
        for codec in Self.codecs {
            let payload = try matrix.blocks(codec, execution)
            let found = try cost(payload, of: tensor, damped, curvature.rows)
            let said = try matrix.cost(of: codec, execution)
            XCTAssertEqual(said / found, 1, accuracy: 2e-2, codec.name)
            XCTAssertEqual(payload.byteCount, matrix.byteCount(codec), codec.name)
        }
    }

    func testErrorsThatAreFedForwardCostLess() throws {
        let tensor = try tensor(rows: 9, columns: 512)
        let curvature = curvature(512, rows: 9)
        let matrix = try BlockMatrix(tensor, curvature: curvature, execution)
        for codec in Self.codecs where codec.encodes {
            let plain = Payload.blocks(try BlockTensor(codec, encoding: tensor.payload, name: "w"))
            let before = try cost(plain, of: tensor, curvature.inputs, curvature.rows)
            let after = try cost(matrix.blocks(codec, execution), of: tensor, curvature.inputs, curvature.rows)
            XCTAssertLessThan(after, 0.8 * before, codec.name)
        }
    }

    /// What an importance matrix does: the errors of columns that count more are smaller, at the price of the others.
    func testWeightsOfColumnsCount() throws {
        let tensor = try tensor(rows: 8, columns: 512)
        let weights = (0..<512).map { $0 % 4 == 0 ? Float(16) : 1 }
        for codec in Self.codecs where codec.encodes {
            func error(_ weighting: ColumnWeights?) throws -> Double {
                let made = try floats(.blocks(BlockTensor(codec, encoding: tensor.payload, name: "w", weights: weighting)))
                return zip(try floats(tensor.payload), made).enumerated().reduce(0.0) {
                    $0 + Double(weights[$1.offset % 512]) * pow(Double($1.element.0 - $1.element.1), 2)
                }
            }
            XCTAssertLessThan(try error(ColumnWeights(weights, columns: 512)), try 0.99 * error(nil), codec.name)
        }
    }

    func testBytesDoNotDependOnThreads() throws {
        let tensor = try tensor(rows: 300, columns: 256)
        let curvature = curvature(256, rows: 300)
        let made = try [1, 3].map { threads -> [Float] in
            let execution = ExecutionContext(threads: threads)
            return try floats(BlockMatrix(tensor, curvature: curvature, execution).blocks(.q3_K, execution))
        }
        XCTAssertEqual(made[0], made[1])
    }

    func testValuesBeyondHalvesAreRefused() throws {
        let large = try DenseTensor(floats: [Float](repeating: 1e9, count: 512), shape: Shape(rows: 2, columns: 256))
        let matrix = try BlockMatrix(Tensor(name: "w", dense: large), curvature: curvature(256, rows: 2), execution)
        for codec in Self.codecs {
            XCTAssertEqual(try matrix.cost(of: codec, execution), .infinity, codec.name)
            XCTAssertThrowsError(try matrix.blocks(codec, execution), codec.name) { XCTAssertTrue("\($0)".contains("F16"), "\($0)") }
        }
    }

    /// All ways to choose for five units, beside what the hull and the filling choose.
    func testAllocationIsNearTheBest() throws {
        let random = values(200, seed: 9)
        for turn in 0..<20 {
            let units = (0..<5).map { unit in
                (0..<4).map { choice in
                    let noise = Double(abs(random[(turn * 20 + unit * 4 + choice) % 200]))
                    return BlockAllocation.Choice(
                        bytes: (100 + 37 * unit) * (choice + 2), cost: (1 + noise) * Double(1 + unit % 3) / Double(1 << (2 * choice)))
                }
            }
            let allocation = BlockAllocation(units: units)
            let least = allocation.leastByteCount
            XCTAssertNil(allocation.choices(within: least - 1))
            for budget in [least, least + 200, least * 5 / 4, least * 3 / 2, least * 2] {
                let chosen = try XCTUnwrap(allocation.choices(within: budget))
                XCTAssertLessThanOrEqual(allocation.byteCount(chosen), budget)
                var best = Double.infinity
                for code in 0..<1024 {
                    let other = (0..<5).map { code >> (2 * $0) & 3 }
                    if allocation.byteCount(other) <= budget { best = min(best, allocation.cost(other)) }
                }
                XCTAssertLessThanOrEqual(allocation.cost(chosen), best * 1.25, "\(turn) \(budget)")
            }
            XCTAssertEqual(allocation.choices(within: .max), [3, 3, 3, 3, 3])
        }
    }

    // MARK: - The pass

    private func graph() throws -> TensorGraph {
        var graph = TensorGraph()
        try graph.append(tensor(rows: 64, columns: 256, name: "a", seed: 5))
        try graph.append(tensor(rows: 32, columns: 512, name: "b", seed: 6))
        try graph.append(tensor(rows: 16, columns: 96, name: "narrow", seed: 7))
        try graph.append(tensor(rows: 16, columns: 40, name: "odd", seed: 8))
        try graph.append(Tensor(name: "norm", dense: DenseTensor(floats: values(40), shape: Shape(count: 40)), role: .norm))
        return graph
    }

    private func run(_ options: String, dependsOnValues: Bool = false) throws -> (graph: TensorGraph, report: PassReport) {
        var graph = try graph()
        let manager = try PassManager(
            Pipeline(parsing: "quantize{coding=blocks objective=weights \(options)}"), catalog: PassCatalog([QuantizePass.self]))
        let size = OutputSize(dependsOnValues: dependsOnValues) { $0.byteCount + 1000 }
        try manager.checkAim(on: graph, size)
        let context = PassContext(
            execution: execution, seed: 0, original: graph, outputByteCount: { $0.byteCount + 1000 }, outputSize: size)
        let reports = try manager.run(&graph, context)
        return (graph, reports[0])
    }

    private func name(_ graph: TensorGraph, _ tensor: String) throws -> String { try XCTUnwrap(graph[tensor]).payload.storageText }

    func testSizesAreMet() throws {
        let least = try XCTUnwrap(smallest())
        for size in [least, least + 500, least + 5000, 60_000, 1 << 20] {
            let made = try run("size=\(size)").graph
            XCTAssertLessThanOrEqual(made.byteCount + 1000, size)
            if size < 40_000 { XCTAssertGreaterThan(made.byteCount + 1000, size - 4000) }
        }
        XCTAssertThrowsError(try run("size=\(least - 1)")) {
            XCTAssertTrue("\($0)".contains("the smallest types give a file of \(least) bytes"), "\($0)")
        }
        XCTAssertThrowsError(try run("size=\(least + 5000)", dependsOnValues: true)) { XCTAssertTrue("\($0)".contains("gguf"), "\($0)") }
    }

    /// IQ2_XXS for rows of 256, IQ4_NL for rows of 32, and the floats of the others.
    private func smallest() -> Int? { 64 * 66 + 32 * 2 * 66 + 16 * 3 * 18 + 16 * 40 * 4 + 40 * 4 + 1000 }

    func testTypesAreThoseThatAreNamed() throws {
        let (made, report) = try run("bits=8 types=q6_k+q5_0")
        XCTAssertEqual(try name(made, "a"), "Q6_K")
        XCTAssertEqual(try name(made, "b"), "Q6_K")
        XCTAssertEqual(try name(made, "narrow"), "Q5_0")
        XCTAssertEqual(report.leftAlone.map(\.name).sorted(), ["norm", "odd"])
        let best = try run("size=1000000").graph
        XCTAssertEqual(try name(best, "a"), "Q8_0")
        XCTAssertThrowsError(try run("bits=2")) { XCTAssertTrue("\($0)".contains("smallest types take"), "\($0)") }
        XCTAssertThrowsError(try run("bits=4 lambda=0.1")) { XCTAssertTrue("\($0)".contains("lambda"), "\($0)") }
    }

    /// A type by name stands against the prices and the set of types, the others share what is left, and the later of two patterns counts.
    func testTypesByNameStandAgainstPrices() throws {
        // IQ2_XXS for `a`, IQ4_NL for `narrow`; Q8_0 has 34 bytes for 32 values.
        let least = try XCTUnwrap(smallest()) - 32 * 2 * 66 + 32 * 16 * 34
        for size in [least, least + 2000, 60_000] {
            let made = try run("size=\(size) tensor-types=b:q8_0").graph
            XCTAssertEqual(try name(made, "b"), "Q8_0", "\(size)")
            XCTAssertLessThanOrEqual(made.byteCount + 1000, size)
        }
        XCTAssertNotEqual(try name(run("size=\(least)").graph, "a"), "IQ2_XXS")
        XCTAssertEqual(try name(run("size=\(least) tensor-types=b:q8_0").graph, "a"), "IQ2_XXS")
        // With room for the best.
        let roomy = try run("size=1000000 tensor-types=a:q8_0+b:q2_k+?:iq3_s+na*w:q4_0").graph
        XCTAssertEqual(try ["a", "b", "narrow"].map { try name(roomy, $0) }, ["IQ3_S", "IQ3_S", "Q4_0"])
        let others = try run("bits=8 types=q6_k tensor-types=b:q5_k").graph
        XCTAssertEqual(try ["a", "b"].map { try name(others, $0) }, ["Q6_K", "Q5_K"])
        XCTAssertThrowsError(try run("size=\(least - 1) tensor-types=b:q8_0")) {
            XCTAssertTrue("\($0)".contains("size=\(least - 1) cannot be met: the smallest types give a file of \(least) bytes"), "\($0)")
        }
    }

    func testTypesByNameThatNoMatrixCanHave() throws {
        for (options, saying) in [
            ("tensor-types=c:q4_k", "no selected matrix has a name like 'c'"), ("tensor-types=norm:q4_k", "like 'norm'"),
            ("tensor-types=narrow:q4_k", "'narrow' cannot be Q4_K: its rows of 96"), ("tensor-types=a:auto", "NAME:TYPE joined by +"),
            ("tensor-types=a:q9", "NAME:TYPE"), ("tensor-types=:q4_k", "NAME:TYPE"), ("tensor-types=a:q4_k+", "NAME:TYPE"),
            ("coding=entropy tensor-types=a:q4_k", "coding=blocks"),
        ] {
            let coding = options.contains("coding=") ? "" : "coding=blocks "
            var graph = try graph()
            XCTAssertThrowsError(
                try {
                    let pipeline = try Pipeline(parsing: "quantize{\(coding)objective=weights bits=6 \(options)}")
                    let manager = try PassManager(pipeline, catalog: PassCatalog([QuantizePass.self]))
                    try manager.checkAim(on: graph, nil)
                    _ = try manager.run(&graph, PassContext(execution: execution, seed: 0, original: graph))
                }(), options
            ) { XCTAssertTrue("\($0)".contains(saying), "\(options): \($0)") }
        }
    }

    /// Experts of a block are one tensor in the file.
    func testExpertsHaveOneTypeByName() throws {
        var graph = TensorGraph()
        for expert in 0..<2 { try graph.append(tensor(rows: 8, columns: 256, name: "e\(expert)", seed: expert)) }
        graph.structure.inputGroups = (0..<2).map { InputGroup(name: "experts.\($0)", block: 0, members: ["e\($0)"]) }
        let named = NamedTypesOption("t", "", requires: [])
        XCTAssertThrowsError(try XCTUnwrap(named.value(of: "e1:q4_k")).check(graph.tensors, graph.structure)) {
            XCTAssertTrue("\($0)".contains("'e0' and 'e1' are in one tensor"), "\($0)")
        }
        XCTAssertNoThrow(try XCTUnwrap(named.value(of: "e0:q6_k+e:q4_k")).check(graph.tensors, graph.structure))
    }
}
