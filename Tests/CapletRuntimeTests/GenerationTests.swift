import Backpropagation
import CapletFormat
import Execution
import FormatKit
import Inference
import ModelGraph
import Models
import SafetensorsFormat
import TestSupport
import Tokenization
import XCTest
@testable import CapletRuntime

/// Answers of the bundled model, in the forms that weights can have.
final class GenerationTests: XCTestCase {
    private func graph() throws -> TensorGraph {
        var graph = try SafetensorsFormat().read(BundledModel.folder, ReadContext())
        graph = try Model(graph).graph
        return graph
    }

    /// The text and the tokens of an answer.
    private func answer(_ model: LanguageModel, _ options: GenerationOptions) throws -> (text: String, tokens: [Int32]) {
        let generation = try model.generate("The people of this country", options)
        var text = ""
        while let piece = try generation.next() { text += piece }
        return (text, generation.tokens)
    }

    func testSeedsAndThreads() throws {
        let graph = try graph()
        let options = GenerationOptions(maxTokens: 60, temperature: 1, topP: 0.9, seed: 5)
        let one = try answer(LanguageModel(Model(graph), threads: 1), options)
        XCTAssertEqual(one.tokens.count, 60)
        XCTAssertEqual(try answer(LanguageModel(Model(graph), threads: 3), options).tokens, one.tokens)
        let model = try LanguageModel(Model(graph), threads: 2)
        XCTAssertEqual(try answer(model, options).text, one.text)
        var other = options
        other.seed = 6
        XCTAssertNotEqual(try answer(model, other).text, one.text)
    }

    /// A `.caplet` that holds every bit gives the tokens of the checkpoint, and the text is the tokens' without the prompt's.
    func testLosslessFileGivesTheSameText() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let graph = try graph()
        let path = folder.path("m.caplet")
        try CapletFormat().write(graph, to: path, WriteOptions(), ExecutionContext(threads: 1))
        let options = GenerationOptions(maxTokens: 40, temperature: 0)
        let opened = try LanguageModel(path: path, threads: 1)
        let (text, tokens) = try answer(opened, options)
        XCTAssertEqual(tokens, try answer(LanguageModel(Model(graph), threads: 1), options).tokens)
        let prompt = opened.tokenizer.encode("The people of this country")
        XCTAssertEqual(opened.tokenizer.decode(prompt + tokens), "The people of this country" + text)
        // What greedy choice over the whole sequence gives, run anew for each token.
        let whole = try Transformer(Model(graph), weights: .openBLAS)
        var sequence = prompt
        for token in tokens.prefix(12) {
            let last = try whole.logits(of: sequence).suffix(whole.configuration.vocabularySize)
            XCTAssertEqual(Int(token), last.indices.max { last[$0] < last[$1] }! - last.startIndex)
            sequence.append(token)
        }
        XCTAssertLessThan(opened.weightByteCount, 13_700_000)
    }

    func testAnswersEnd() throws {
        let graph = try graph()
        let model = try LanguageModel(Model(graph), threads: 1)
        XCTAssertEqual(model.endTokens, [2])
        let full = try model.generate("The people", GenerationOptions(maxTokens: 1000, temperature: 0, context: 12))
        while try full.next() != nil {}
        XCTAssertEqual(full.end, .context)
        // The last token needs no place of its own: nothing comes after it.
        XCTAssertEqual(full.promptTokens.count + full.tokens.count, 13)
        let none = try model.generate("The people", GenerationOptions(maxTokens: 0))
        XCTAssertNil(try none.next())
        XCTAssertEqual(none.end, .maxTokens)
        // Whatever token comes third, made the one that ends answers, ends them there.
        let third = full.tokens[2]
        var ended = graph
        ended.attachments.removeAll { $0.name == "generation_config.json" }
        ended.attach(Attachment(name: "generation_config.json", bytes: Array("{\"eos_token_id\": [2, \(third)]}".utf8)))
        let options = GenerationOptions(maxTokens: 1000, temperature: 0)
        let stopping = try LanguageModel(Model(ended), threads: 1).generate("The people", options)
        while try stopping.next() != nil {}
        XCTAssertEqual(stopping.end, .endOfSequence)
        XCTAssertEqual(stopping.endToken, third)
        XCTAssertEqual(stopping.tokens, Array(full.tokens.prefix { $0 != third }))
    }

    func testWhatCannotBeAnsweredIsRefused() throws {
        let model = try LanguageModel(Model(graph()), threads: 1)
        XCTAssertThrowsError(try model.generate(String(repeating: "people ", count: 300))) {
            XCTAssertTrue("\($0)".contains("and a context of 256 has to hold them"), "\($0)")
        }
        XCTAssertThrowsError(try model.generate("a", GenerationOptions(context: 257)))
        XCTAssertThrowsError(try model.generate("a", GenerationOptions(topP: 0)))
        XCTAssertThrowsError(try model.generate("a", GenerationOptions(temperature: -1)))
        XCTAssertThrowsError(try model.generate(tokens: []))
        let cancelled = Cancellation()
        cancelled.request()
        var options = GenerationOptions()
        options.cancellation = cancelled
        XCTAssertThrowsError(try model.generate("a", options).next()) { XCTAssertTrue($0 is Cancelled) }
    }

    /// Codes that their bits do not hold, in a graph that says otherwise, and scales that are no numbers: an error with the tensor's name.
    func testBadWeightsAreRefused() throws {
        let graph = try graph()
        let name = "model.layers.2.mlp.up_proj.weight"
        let shape = Shape(rows: 768, columns: 256)
        func quantized(_ code: UInt8, _ scale: Float) throws -> TensorGraph {
            var changed = graph
            let scales = try DenseTensor(floats: [Float](repeating: scale, count: 768), shape: Shape(count: 768), dtype: .f16)
            let codes = OwnedBytes([UInt8](repeating: code, count: shape.elementCount))
            try changed.setPayload(
                .quantized(try QuantizedTensor(shape: shape, bits: 3, groupSize: 256, codes: codes, scales: scales, zeroPoints: nil)),
                of: name)
            return changed
        }
        XCTAssertNoThrow(try LanguageModel(Model(quantized(3, 0.01)), threads: 1))
        XCTAssertThrowsError(try LanguageModel(Model(quantized(4, 0.01)), threads: 1)) {
            XCTAssertEqual("\($0)", "tensor '\(name)': has the code 4; -4 … 3 are 3 bits")
        }
        XCTAssertThrowsError(try LanguageModel(Model(quantized(3, .infinity)), threads: 1)) {
            XCTAssertTrue("\($0)".contains(name), "\($0)")
        }
    }
}
