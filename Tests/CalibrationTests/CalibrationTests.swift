import Architectures
import Calibration
import Execution
import FormatKit
import Inference
import LinearAlgebra
import ModelGraph
import Models
import SafetensorsFormat
import TestSupport
import XCTest

final class CalibrationTests: XCTestCase {
    func testWindowsDoNotOverlapAndTheRestIsDropped() throws {
        let stream = (0..<10).map { Int32($0) }
        XCTAssertEqual(try TokenSequences(stream: stream, windowLength: 4).sequences, [[0, 1, 2, 3], [4, 5, 6, 7]])
        XCTAssertEqual(try TokenSequences(stream: [1, 2, 3], windowLength: 4).sequences, [[1, 2, 3]])
        XCTAssertThrowsError(try TokenSequences(stream: [1], windowLength: 4))
        XCTAssertEqual(try TokenSequences(stream: stream, windowLength: 2).evenlySpaced(2).sequences, [[0, 1], [4, 5]])
    }

    func testStandardErrorIsThatOfIndependentSequences() {
        let perplexity = Perplexity(sequenceLosses: [(2, 2), (6, 2), (4, 2)])
        XCTAssertEqual(perplexity.meanLoss, 2)
        XCTAssertEqual(perplexity.tokenCount, 6)
        // Means 1, 3, 2: standard deviation 1, over √3.
        XCTAssertEqual(perplexity.standardError ?? 0, 1 / 3.0.squareRoot(), accuracy: 1e-12)
        XCTAssertNil(Perplexity(sequenceLosses: [(2, 2)]).standardError)
    }

    /// H of each group of the bundled model against torch hooks on transformers.
    func testSecondMomentsAreThoseOfTheLayersInputs() throws {
        var graph = try SafetensorsFormat().read(BundledModel.folder, ReadContext())
        graph = try Model(graph).graph
        let sequences: [[Int32]] = (0..<10).map { SampleModel.tokens(row: $0, count: 32) }
        let calibration = try CalibrationModel(Model(graph), tokens: TokenSequences(sequences), ExecutionContext(threads: 2))
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, numpy as np, torch
            from transformers import AutoModelForCausalLM
            model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
            layer = model.model.layers[3]
            sums = {}
            def hook(name):
                def run(module, inputs):
                    x = inputs[0].reshape(-1, inputs[0].shape[-1]); sums[name] = x.T @ x / x.shape[0]
                return run
            for name, module in [('attention-input', layer.self_attn.q_proj), ('attention-output', layer.self_attn.o_proj),
                                 ('mlp-input', layer.mlp.up_proj), ('mlp-output', layer.mlp.down_proj)]:
                module.register_forward_pre_hook(hook(name))
            tokens = torch.tensor([[(row * 7919 + i * 104729) % 4096 for i in range(32)] for row in range(10)])
            with torch.no_grad():
                model(tokens)
            for name, h in sums.items(): h.numpy().tofile(f'{sys.argv[2]}/{name}.bin')
            """, [BundledModel.folder, folder.path(".")])
        var visited: [String] = []
        try calibration.forEachSecondMoment { group, moment in
            visited.append("\(group.block) \(group.name)")
            guard group.block == 3 else { return }
            let values = try MappedFile(path: folder.path("\(group.name).bin")).withBytes { Array($0.bindMemory(to: Float.self)) }
            XCTAssertLessThan(
                moment.relativeFrobeniusError(to: Matrix(rows: moment.rows, columns: moment.columns, elements: values)), 1e-4, group.name)
        }
        XCTAssertEqual(visited.count, 24)
        XCTAssertEqual(visited.prefix(4), ["0 attention-input", "0 attention-output", "0 mlp-input", "0 mlp-output"])
    }

    func testInputNormsAreTheRootsOfTheSecondMomentsDiagonal() throws {
        var graph = try SafetensorsFormat().read(BundledModel.folder, ReadContext())
        graph = try Model(graph).graph
        let sequences: [[Int32]] = (0..<10).map { SampleModel.tokens(row: $0, count: 32) }
        var expected: [String: [Float]] = [:]
        let calibration = try CalibrationModel(Model(graph), tokens: TokenSequences(sequences), ExecutionContext(threads: 2))
        try calibration.forEachSecondMoment { group, moment in expected["\(group.block) \(group.name)"] = moment.diagonalRoots }
        var byThreads: [[String: [Float]]] = []
        for threads in [1, 3] {
            let calibration = try CalibrationModel(Model(graph), tokens: TokenSequences(sequences), ExecutionContext(threads: threads))
            var found: [String: [Float]] = [:]
            try calibration.forEachInputNorms { group, norms in found["\(group.block) \(group.name)"] = norms }
            byThreads.append(found)
        }
        XCTAssertEqual(byThreads[0], byThreads[1])
        XCTAssertEqual(Set(byThreads[0].keys), Set(expected.keys))
        for (name, norms) in byThreads[0] {
            for (norm, root) in zip(norms, expected[name] ?? []) { XCTAssertEqual(norm, root, accuracy: 1e-4 * root, name) }
        }
    }

    func testReplacedWeightsChangeTheLossAndNothingElse() throws {
        var graph = try SafetensorsFormat().read(BundledModel.folder, ReadContext())
        graph = try Model(graph).graph
        let sequences: [[Int32]] = (0..<4).map { SampleModel.tokens(row: $0, count: 24) }
        let calibration = try CalibrationModel(Model(graph), tokens: TokenSequences(sequences), ExecutionContext(threads: 2))
        let name = "model.layers.2.mlp.up_proj.weight"
        let weight = try XCTUnwrap(graph[name]).payload.densifiedMatrix()
        let dense = try calibration.losses(sequences: [0, 1, 2, 3], replacing: [:])
        XCTAssertEqual(try calibration.losses(sequences: [0, 1, 2, 3], replacing: [name: weight]), dense)
        XCTAssertEqual(try calibration.losses(sequences: [2, 0], replacing: [:]), [dense[2], dense[0]])
        XCTAssertNotEqual(try calibration.losses(sequences: [0], replacing: [name: Matrix(zeros: 768, 256)]), [dense[0]])
        XCTAssertThrowsError(try calibration.losses(sequences: [0], replacing: [name: Matrix(zeros: 2, 2)]))
        // One layer at a time, what comes before it reused: the same figures.
        let names = ["model.layers.4.self_attn.o_proj.weight", name]
        let zeros = [Matrix(zeros: 256, 256), Matrix(zeros: 768, 256)]
        let each = try calibration.losses(sequences: [1, 3], replacingEach: names) { zeros[$0] }
        for index in names.indices {
            XCTAssertEqual(each[index], try calibration.losses(sequences: [1, 3], replacing: [names[index]: zeros[index]]))
        }
        XCTAssertEqual(try calibration.losses(sequences: [0], replacing: [:]), [dense[0]])
    }

    /// The divergence of a graph whose embedding and head passes have changed is that of its own predictions from the original's.
    func testTheDivergenceIsThatOfChangedEmbeddingsAndHeads() throws {
        let original = try Model(SafetensorsFormat().read(BundledModel.folder, ReadContext()))
        let sequences: [[Int32]] = (0..<2).map { SampleModel.tokens(row: $0, count: 24) }
        let execution = ExecutionContext(threads: 2)
        let calibration = try CalibrationModel(original, tokens: TokenSequences(sequences), execution)
        var changed = original.graph
        for name in ["model.embed_tokens.weight", "lm_head.weight"] {
            let weight = try XCTUnwrap(changed[name]).payload.densifiedMatrix()
            let rounded = weight.elements.map { ($0 * 64).rounded() / 64 }
            let dense = try DenseTensor(floats: rounded, shape: XCTUnwrap(changed[name]).shape, dtype: .f32)
            try changed.setPayload(.composite([.dense(dense)]), of: name)
        }
        let found = try XCTUnwrap(calibration.gradients).divergence(of: changed).value(sequences: [0, 1], replacing: [:], gradient: nil)
        let models = try [original, Model(changed)].map { try Transformer($0, weights: .openBLAS(on: execution)) }
        var (sum, count) = (0.0, 0)
        for sequence in sequences {
            let logits = try models.map { try $0.logits(of: sequence, execution) }
            let width = logits[0].count / sequence.count
            for position in sequence.indices {
                let rows = logits.map { $0[position * width..<(position + 1) * width].map(Double.init) }
                let normalisers = rows.map { row in log(row.reduce(0) { $0 + exp($1 - row[0]) }) + row[0] }
                for token in 0..<width {
                    let (p, q) = (rows[0][token] - normalisers[0], rows[1][token] - normalisers[1])
                    sum += exp(p) * (p - q)
                }
                count += 1
            }
        }
        XCTAssertEqual(found, sum / Double(count), accuracy: 1e-5 * sum / Double(count) + 1e-7)
        XCTAssertGreaterThan(found, 1e-3)
        let unchanged = try XCTUnwrap(calibration.gradients).divergence(of: original.graph)
        XCTAssertEqual(try unchanged.value(sequences: [0, 1], replacing: [:], gradient: nil), 0, accuracy: 1e-6)
    }

    /// Hidden states on scratch and few sequences at a time, or all in memory: the same bits, and no file is left.
    func testNothingDependsOnMemory() throws {
        let model = try Model(SafetensorsFormat().read(BundledModel.folder, ReadContext()))
        let sequences: [[Int32]] = (0..<6).map { SampleModel.tokens(row: $0, count: 40) }
        let folder = try TemporaryFolder()
        func figures(_ memory: WorkingMemory, threads: Int) throws -> [[Float]] {
            let execution = ExecutionContext(threads: threads, memory: memory)
            let calibration = try CalibrationModel(model, tokens: TokenSequences(sequences), execution)
            var found = [try calibration.losses(sequences: [0, 3, 5], replacing: [:]).map { Float($0) }]
            try calibration.forEachSecondMoment(of: { $0.block == 3 }) { found.append($1.elements) }
            let gradients = try XCTUnwrap(calibration.gradients)
            try gradients.forEachCurvature(seed: 1) { name, curvature in
                if name.contains("layers.2") { found.append(curvature.inputs.elements + curvature.rows.map { Float($0) }) }
            }
            found += try gradients.outputCurvature(seed: 1, sequences: [0, 2, 3, 5]).blockPrices
            let name = "model.layers.4.mlp.down_proj.weight"
            let weight = try XCTUnwrap(model.graph[name]).payload.densifiedMatrix()
            let half = Matrix(rows: weight.rows, columns: weight.columns, elements: weight.elements.map { $0 / 2 })
            let value = try gradients.divergence(of: model.graph).value(sequences: [1, 2, 4], replacing: [name: half]) {
                found.append($1.elements)
            }
            return found + [[Float(value)]]
        }
        let plenty = try figures(WorkingMemory(byteLimit: 4 << 30, scratchFolder: "/nonexistent"), threads: 1)
        XCTAssertEqual(plenty.count, 1 + 4 + 7 + 6 + 1 + 1)
        let little = WorkingMemory(byteLimit: 1 << 20, scratchFolder: folder.path(""))
        for threads in [1, 3] { XCTAssertEqual(try figures(little, threads: threads), plenty, "\(threads) threads") }
        XCTAssertEqual(try folder.files().count, 0)
    }
}
