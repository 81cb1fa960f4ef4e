import Foundation
import TestSupport
import XCTest

/// What a compression says of each layer's codes: with -v, as JSON, and as a page.
final class CodedLayersTests: XCTestCase {
    private struct Result: Decodable {
        struct Measurement: Decodable {
            let name: String
            let value: Double
        }
        struct Tensor: Decodable {
            let name: String
            let measurements: [Measurement]
        }
        struct Pass: Decodable {
            let tensors: [Tensor]
            let measurements: [Measurement]
            let notes: [String]
        }
        let passes: [Pass]
    }

    func testTextAndJSONAreAlike() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let line = "caplet compress tiny -o m.caplet --pipeline 'quantize{bits=2.3 objective=weights target=dense}' --force"
        let json = try CapletProcess.shell("\(line) --json", in: folder.path)
        XCTAssertEqual(json.status, 0, json.errors)
        let pass = try XCTUnwrap(JSONDecoder().decode(Result.self, from: Data(json.output.utf8)).passes.first)
        let text = try CapletProcess.shell("\(line) -v --report run.html --no-progress", in: folder.path)
        XCTAssertEqual(text.status, 0, text.errors)
        let lines = text.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        XCTAssertGreaterThan(pass.tensors.count, 3)
        for tensor in pass.tensors {
            let figures = Dictionary(uniqueKeysWithValues: tensor.measurements.map { ($0.name, $0.value) })
            let cells = try XCTUnwrap(lines.first { $0.first == tensor.name }, text.output)
            XCTAssertEqual(try XCTUnwrap(Double(cells[1])), try XCTUnwrap(figures["entropyBitsPerWeight"]), accuracy: 0.0005001)
            XCTAssertEqual(figures["componentRank"], 0)
            XCTAssertEqual(cells.count, 5, "no rank, nor bytes of it")
            XCTAssertEqual(try XCTUnwrap(Double(cells[2])), 100 * (try XCTUnwrap(figures["zeroShare"])), accuracy: 0.05001)
            XCTAssertEqual(try XCTUnwrap(Double(cells[4])), try XCTUnwrap(figures["zerosSavedBytes"]), accuracy: 0.5001)
        }
        let share = try XCTUnwrap(pass.measurements.first { $0.name == "zeroShare" }?.value)
        let note = try XCTUnwrap(pass.notes.first { $0.contains("of codes are zero") })
        XCTAssertTrue(text.output.contains(note), text.output)
        XCTAssertTrue(note.hasPrefix("no rank pays; \((1000 * share).rounded() / 10) % of codes"), note)
        // Without -v the total alone.
        let short = try CapletProcess.shell("\(line) --no-progress", in: folder.path)
        XCTAssertTrue(short.output.contains(note) && !short.output.contains("saved by them"), short.output)
        XCTAssertTrue(String(decoding: try folder.bytes("run.html"), as: UTF8.self).contains("Zeros of the layers"))
    }
}
