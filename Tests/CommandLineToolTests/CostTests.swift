import Foundation
import TestSupport
import XCTest

/// What `compress` says of its cost, what it warns of, and what `evaluate --original` finds, as their users call them.
final class CostTests: XCTestCase {
    private struct Result: Decodable {
        struct Cost: Decodable {
            let origin: String
            let tokens: Int
            let lossBefore: Double
            let lossAfter: Double
            let divergence: Double
            let agreement: Double
        }

        let cost: Cost?
        let inputBytes: Int
        let outputBytes: Int
    }

    private struct Evaluation: Decodable {
        let meanNllDifference: Double
        let divergence: Double
        let agreement: Double
    }

    private func json<Value: Decodable>(_ type: Value.Type, _ line: String, in folder: String) throws -> Value {
        let result = try CapletProcess.shell("\(line) --json --no-progress", in: folder)
        XCTAssertEqual(result.status, 0, result.errors)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(result.output.utf8))
    }

    func testWhatACompressionCostIsSaidAndIsWhatEvaluateFinds() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let line = "caplet compress tiny -o m.caplet --pipeline 'magnitude{keep=0.3}' --context 32 --force"
        let printed = try CapletProcess.shell("\(line) --text text.txt --report run.html --no-progress", in: folder.path)
        XCTAssertEqual(printed.status, 0, printed.errors)
        let names = printed.output.split(separator: "\n").suffix(6).compactMap { $0.split(separator: " ").first.map(String.init) }
        XCTAssertEqual(names, ["loss", "likeness", "bytes", "bits", "time", "memory"])
        XCTAssertTrue(printed.output.contains("tokens of the text\n"), printed.output)

        let result = try json(Result.self, "\(line) --text text.txt", in: folder.path)
        let cost = try XCTUnwrap(result.cost)
        XCTAssertEqual(cost.origin, "own text")
        XCTAssertEqual(result.outputBytes, try folder.bytes("m.caplet").count)
        let found = try json(Evaluation.self, "caplet evaluate m.caplet --original tiny --text text.txt --context 32", in: folder.path)
        XCTAssertEqual(found.divergence, cost.divergence, accuracy: 1e-6)
        XCTAssertEqual(found.meanNllDifference, cost.lossAfter - cost.lossBefore, accuracy: 1e-6)
        XCTAssertEqual(found.agreement, cost.agreement, accuracy: 1e-9)

        let page = String(decoding: try folder.bytes("run.html"), as: UTF8.self)
        for fragment in ["<script", "src=", "href=", "url(", "nan"] { XCTAssertFalse(page.contains(fragment), fragment) }
        for fragment in ["magnitude{keep=0.3}", "Density of the layers", "Bits of the layers", "Error of magnitude", "likeness"] {
            XCTAssertTrue(page.contains(fragment), fragment)
        }

        // Where all of a text is calibrated on, that is said; nothing is measured where there is none, or where it is not wanted.
        let calibrated = "caplet compress tiny -o w.caplet --pipeline wanda --calibration text.txt --context 32 --force"
        for (sequences, origin) in [
            (1, "held-out part of the calibration text"), (64, "part of the calibration text that passes may have chosen by"),
            (500, "text that was calibrated on"),
        ] {
            let cost = try json(Result.self, "\(calibrated) --calibration-sequences \(sequences)", in: folder.path).cost
            XCTAssertEqual(cost?.origin, origin)
        }
        XCTAssertNil(try json(Result.self, "\(calibrated) --no-measure", in: folder.path).cost)
        XCTAssertNil(try json(Result.self, line, in: folder.path).cost)
    }

    func testNothingDoneIsAWarning() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        for (options, words) in [
            ("--pipeline rpca", "write rpca,prune-probabilistic{keep=0.5},refit"),
            ("--pipeline 'quantize{bits=4}'", "dense tensors are quantised by target=dense"),
            ("--size 3MB --calibration text.txt --context 32", "bytes are more than codes of this model take"),
        ] {
            let result = try CapletProcess.shell("caplet compress tiny -o out.caplet \(options) --strict --no-progress", in: folder.path)
            XCTAssertEqual(result.status, 2, result.errors)
            XCTAssertTrue(result.errors.contains(words), result.errors)
            XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path("out.caplet")))
        }
    }

    func testHubNamesAndCachesAreKnown() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        for (name, command) in [
            ("acme/wren-7m", "hf download acme/wren-7m --local-dir wren-7m"),
            ("https://huggingface.co/acme/wren-7m", "hf download acme/wren-7m --local-dir wren-7m"),
            ("https://huggingface.co/acme/wren/resolve/main/a/m.gguf", "hf download acme/wren a/m.gguf --local-dir wren"),
        ] {
            let result = try CapletProcess.run(["inspect", name], in: folder.path)
            XCTAssertEqual(result.status, 66)
            XCTAssertTrue(result.errors.hasSuffix("to download it: \(command)\n"), result.errors)
        }
        let made = try CapletProcess.shell(
            """
            mkdir -p models--acme--small-llama/snapshots models--acme--small-llama/refs adapter
            mv tiny models--acme--small-llama/snapshots/0123abc && mkdir models--acme--small-llama/snapshots/other
            printf 0123abc > models--acme--small-llama/refs/main
            echo '{"base_model_name_or_path":"acme/base"}' > adapter/adapter_config.json
            caplet convert models--acme--small-llama -o m.gguf --no-progress
            """, in: folder.path)
        XCTAssertEqual(made.status, 0, made.errors)
        let text = String(decoding: try folder.bytes("m.gguf"), as: UTF8.self)
        XCTAssertTrue(text.contains("Small Llama"))
        let adapter = try CapletProcess.run(["inspect", "adapter"], in: folder.path)
        XCTAssertEqual(adapter.status, 69)
        XCTAssertTrue(adapter.errors.contains("is an adapter and not a model: it goes onto 'acme/base'"), adapter.errors)
    }

    /// On a terminal of so many columns no line is longer, and stages are numbered.
    func testProgressFitsTheTerminal() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let model = Repository.path("Examples/wren-7m")
        for columns in [60, 80] {
            let line = "caplet compress \(model) -o p.caplet --force --pipeline rpca{iterations=4},magnitude --no-measure"
            let result = try CapletProcess.shell("script -qec 'stty cols \(columns); \(line)' /dev/null", in: folder.path)
            XCTAssertEqual(result.status, 0, result.output)
            let drawn = result.output.components(separatedBy: "\r").filter { $0.hasPrefix("stage ") }
                .map { $0.replacingOccurrences(of: "\u{1B}[K", with: "") }
            XCTAssertTrue(drawn.contains { $0.hasPrefix("stage 1/3 rpca ") }, result.output)
            for line in drawn { XCTAssertLessThan(line.count, columns, line) }
        }
    }
}
