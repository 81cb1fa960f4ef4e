import Architectures
import Backpropagation
import Execution
import FormatKit
import Inference
import ModelGraph
import Models
import SafetensorsFormat
import TestSupport
import XCTest

/// Token by token, with keys and values kept, against the whole sequence at once: every decoder family, floats and weights as stored.
final class DecodingTests: XCTestCase {
    private static let names = [
        "llama", "linear", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "phi3-part", "gpt2", "gpt2-untied", "opt", "mamba",
        "falcon-mamba",
        "mamba2", "granite4-usual", "nemotronh", "lfm2", "qwen35",
    ]
    private static var folder: TemporaryFolder?

    override class func setUp() { folder = try? FamilyCheckpoints.folder(names + ["bert"]) }
    override class func tearDown() { folder = nil }

    private func graph(_ name: String) throws -> TensorGraph {
        let folder = try XCTUnwrap(DecodingTests.folder, "transformers made no checkpoints")
        var graph = try SafetensorsFormat().read(folder.path(name), ReadContext())
        graph = try Model(graph).graph
        return graph
    }

    /// The largest difference of logits after each part of a sequence.
    private func difference(
        _ model: Transformer, _ whole: [Float], _ tokens: [Int32], partsOf size: Int, _ team: WorkerTeam
    ) throws -> Float {
        let cache = try model.makeCache(context: 64, team: team)
        let width = model.configuration.vocabularySize
        var largest: Float = 0
        for start in stride(from: 0, to: tokens.count, by: size) {
            let end = min(start + size, tokens.count)
            let found = try model.logits(after: Array(tokens[start..<end]), cache)
            XCTAssertEqual(found.count, width)
            let expected = whole[(end - 1) * width..<end * width]
            largest = max(largest, zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity)
        }
        XCTAssertEqual(cache.count, tokens.count)
        return largest
    }

    func testStepsGiveTheLogitsOfTheWholeSequence() throws {
        for name in DecodingTests.names {
            let graph = try graph(name)
            let reference = try Transformer(Model(graph), weights: .openBLAS)
            let tokens = FamilyCheckpoints.tokens(vocabulary: reference.configuration.vocabularySize)
            let whole = try reference.logits(of: tokens)
            for threads in [1, 3] {
                let team = WorkerTeam(threads: threads)
                let stored = try Transformer(Model(graph), weights: .stored(team))
                for size in [1, 5, 29] {
                    XCTAssertLessThan(try difference(reference, whole, tokens, partsOf: size, team), 1e-4, "\(name) by \(size)")
                    XCTAssertLessThan(try difference(stored, whole, tokens, partsOf: size, team), 1e-4, "\(name) as stored by \(size)")
                }
            }
        }
    }

    /// The same bytes of logits from one thread and three, and with tokens one at a time and many at once.
    func testThreadsAndPartsChangeNothing() throws {
        for name in ["qwen3", "gemma2", "gpt2", "falcon-mamba", "mamba2", "granite4-usual", "lfm2", "qwen35"] {
            let graph = try graph(name)
            var found: Set<[Float]> = []
            for (threads, size) in [(1, 29), (3, 29), (1, 1), (2, 4)] {
                let team = WorkerTeam(threads: threads)
                let model = try Transformer(Model(graph), weights: .stored(team))
                let cache = try model.makeCache(context: 40, team: team)
                let tokens = FamilyCheckpoints.tokens(vocabulary: model.configuration.vocabularySize)
                var last: [Float] = []
                for start in stride(from: 0, to: tokens.count, by: size) {
                    last = try model.logits(after: Array(tokens[start..<min(start + size, tokens.count)]), cache)
                }
                found.insert(last)
            }
            XCTAssertEqual(found.count, 1, name)
        }
    }

    /// A cache that forgets its last tokens goes on as if they had never been.
    func testTruncation() throws {
        // As they are stored: OpenBLAS's sums may depend on how many tokens come at once.
        let team = WorkerTeam(threads: 1)
        let model = try Transformer(Model(graph("mistral")), weights: .stored(team))
        let cache = try model.makeCache(context: 64, team: team)
        let first = try model.logits(after: [3, 1, 4, 1, 5], cache)
        cache.truncate(to: 2)
        XCTAssertEqual(try model.logits(after: [4, 1, 5], cache), first)
    }

    /// A state, from which no token can be taken, forgets all of them, and takes the same room after one token as after many.
    func testStatesForgetAllAndDoNotGrow() throws {
        for name in ["mamba", "mamba2"] {
            let team = WorkerTeam(threads: 1)
            let model = try Transformer(Model(graph(name)), weights: .stored(team))
            let cache = try model.makeCache(context: 64, team: team)
            let first = try model.logits(after: [3, 1, 4, 1, 5], cache)
            let bytes = cache.byteCount
            cache.truncate(to: 5)
            XCTAssertEqual(cache.count, 5, name)
            _ = try model.logits(after: FamilyCheckpoints.tokens(vocabulary: 251), cache)
            XCTAssertEqual(cache.byteCount, bytes, name)
            XCTAssertGreaterThan(bytes, 1000, name)
            cache.truncate(to: 2)
            XCTAssertEqual(cache.count, 0, name)
            XCTAssertEqual(try model.logits(after: [3, 1, 4, 1, 5], cache), first, name)
        }
    }

    /// Blocks with attention keep keys and values, which grow, those with a state space states, which do not; all is forgotten where these are.
    func testMixedBlocksKeepBoth() throws {
        let team = WorkerTeam(threads: 1)
        let model = try Transformer(Model(graph("granite4-usual")), weights: .stored(team))
        let cache = try model.makeCache(context: 64, team: team)
        let first = try model.logits(after: [3, 1, 4, 1, 5], cache)
        let (before, c) = (cache.byteCount, model.configuration)
        _ = try model.logits(after: FamilyCheckpoints.tokens(vocabulary: 251), cache)
        // From 32 tokens to 48, of the one block in three: keys and values of 2 heads of 16 floats.
        XCTAssertEqual(cache.byteCount - before, (48 - 32) * 2 * 2 * 16 * 4)
        // Twice, of two blocks: the last 3 tokens of the convolution, and the states.
        let space = try XCTUnwrap(c.stateSpace)
        XCTAssertEqual(before - 32 * 2 * 2 * 16 * 4, 2 * 2 * (3 * (128 + 2 * 2 * 24) + 128 * 24) * 4)
        XCTAssertEqual(space.convolutionWidth, 128 + 2 * 2 * 24)
        cache.truncate(to: 2)
        XCTAssertEqual(cache.count, 0)
        XCTAssertEqual(try model.logits(after: [3, 1, 4, 1, 5], cache), first)
    }

    func testWhatDoesNotFitIsRefused() throws {
        let model = try Transformer(Model(graph("llama")), weights: .openBLAS)
        let cache = try model.makeCache(context: 8, team: WorkerTeam(threads: 1))
        _ = try model.logits(after: [1, 2, 3, 4, 5], cache)
        XCTAssertThrowsError(try model.logits(after: [1, 2, 3, 4], cache)) {
            XCTAssertEqual("\($0)", "9 tokens do not fit in a context of 8")
        }
        XCTAssertEqual(cache.count, 5)
        XCTAssertNoThrow(try model.logits(after: [1, 2, 3], cache))
        XCTAssertThrowsError(try model.logits(after: [300], model.makeCache(context: 8, team: WorkerTeam(threads: 1)))) {
            XCTAssertEqual("\($0)", "token 300 is outside the vocabulary of 251")
        }
        // Positions of a table end where the table does, whatever the context.
        let learned = try Transformer(Model(graph("opt")), weights: .openBLAS)
        let long = try learned.makeCache(context: 100, team: WorkerTeam(threads: 1))
        _ = try learned.logits(after: [Int32](repeating: 7, count: 64), long)
        XCTAssertThrowsError(try learned.logits(after: [7], long)) { XCTAssertTrue("\($0)".contains("65 tokens"), "\($0)") }
        let encoder = try Transformer(Model(graph("bert")), weights: .openBLAS)
        XCTAssertThrowsError(try encoder.makeCache(context: 8, team: WorkerTeam(threads: 1)))
    }
}
