import Foundation
import TestSupport
import XCTest

/// `caplet compare` on a small checkpoint: what it finds, what it keeps, and what it does again.
final class CompareTests: XCTestCase {
    private static let grid =
        "caplet compare tiny -o grid --budgets 0.8,0.5 --calibration text.txt --text text.txt --context 32 --calibration-sequences 4 --no-progress"

    private struct Document: Decodable {
        struct Loss: Decodable {
            let meanLoss: Double
            let standardError: Double
            let excess: Double
            let excessStandardError: Double
        }

        struct Layer: Decodable {
            let name: String
            let sensitivity: Double?
        }

        struct Cell: Decodable {
            let method: String
            let budget: Double
            let linearParameters: Int
            let losses: [Loss]
            let payloadBytes: Int
            let fileBytes: Int
            let layers: [Layer]
        }

        struct Text: Decodable {
            let name: String
            let scoredTokens: Int
            let sequences: Int
        }

        struct Spectrum: Decodable {
            let name: String
            let singularValues: [Double]
        }

        let texts: [Text]
        let dense: Cell
        let cells: [Cell]
        let spectra: [Spectrum]
    }

    private func document(_ folder: CheckpointFolder) throws -> Document {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Document.self, from: Data(try folder.bytes("grid/compare.json")))
    }

    private func changeDates(_ folder: CheckpointFolder) throws -> [String: Date] {
        var dates: [String: Date] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path("grid/cells")) {
            dates[name] = try FileManager.default.attributesOfItem(atPath: folder.path("grid/cells/\(name)"))[.modificationDate] as? Date
        }
        return dates
    }

    func testFiguresAreThoseOfTheSeparateVerbs() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let result = try CapletProcess.shell("\(CompareTests.grid) --methods magnitude,wanda", in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        for fragment in ["method", "0.8", "0.5", "magnitude ", "wanda ", " ± "] {
            XCTAssertTrue(result.output.contains(fragment), result.output)
        }
        let found = try document(folder)
        XCTAssertEqual(found.cells.map { "\($0.method) \($0.budget)" }, ["magnitude 0.8", "magnitude 0.5", "wanda 0.8", "wanda 0.5"])

        struct Evaluation: Decodable {
            let mean_nll: Double
            let mean_nll_standard_error: Double
        }
        func evaluation(_ model: String) throws -> Evaluation {
            let line = "caplet evaluate \(model) --text text.txt --context 32 --json --no-progress"
            return try JSONDecoder().decode(Evaluation.self, from: Data(try CapletProcess.shell(line, in: folder.path).output.utf8))
        }
        let compress =
            "caplet compress tiny -o wanda.caplet --pipeline 'wanda{keep=0.5}' --calibration text.txt --context 32 --calibration-sequences 4 --no-progress"
        XCTAssertEqual(try CapletProcess.shell(compress, in: folder.path).status, 0)
        let (dense, pruned, cell) = (try evaluation("tiny"), try evaluation("wanda.caplet"), found.cells[3])
        let loss = try XCTUnwrap(cell.losses.first)
        XCTAssertEqual(found.dense.losses.map(\.meanLoss), [dense.mean_nll])
        XCTAssertEqual(loss.meanLoss, pruned.mean_nll)
        XCTAssertEqual(loss.standardError, pruned.mean_nll_standard_error)
        XCTAssertEqual(loss.excess, pruned.mean_nll - dense.mean_nll, accuracy: 1e-9)
        XCTAssertGreaterThan(loss.excessStandardError, 0)
        // Both blocks, all seven layers of each, as many values as the smaller side.
        XCTAssertEqual(found.spectra.count, 14)
        XCTAssertEqual(found.spectra.first { $0.name.hasSuffix("k_proj.weight") }?.singularValues.count, 32)
        XCTAssertEqual(cell.linearParameters, 61440 / 2)
        // Another provenance: the same model to within some text.
        XCTAssertEqual(Double(cell.fileBytes), Double(try folder.bytes("wanda.caplet").count), accuracy: 400)
        XCTAssertEqual(
            try FileManager.default.contentsOfDirectory(atPath: folder.path("grid")).sorted(), ["cells", "compare.html", "compare.json"])
    }

    /// Each text has losses, a table and charts of its own; windows limits each.
    func testSeveralTexts() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        _ = try CapletProcess.shell("tail -c 3000 text.txt > other.txt", in: folder.path)
        let result = try CapletProcess.shell("\(CompareTests.grid) --text other.txt --windows 3 --methods magnitude", in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        for title in ["text.txt: dense ", "other.txt: dense ", "93 tokens in 3 sequences"] {
            XCTAssertTrue(result.output.contains(title), result.output)
        }
        let found = try document(folder)
        XCTAssertEqual(found.texts.map(\.name), ["text.txt", "other.txt"])
        XCTAssertEqual(found.texts.map(\.sequences), [3, 3])
        XCTAssertEqual(found.cells.map(\.losses.count), [2, 2])
        XCTAssertNotEqual(found.cells[0].losses[0].meanLoss, found.cells[0].losses[1].meanLoss)
        let page = String(decoding: try folder.bytes("grid/compare.html"), as: UTF8.self)
        XCTAssertTrue(page.contains("<h2>text.txt</h2>") && page.contains("<h2>other.txt</h2>"))
    }

    func testOnlyMissingCellsAreMade() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let line = "\(CompareTests.grid) --methods magnitude-global --methods 'mine=wanda{keep=KEEP scope=layer}'"
        let first = try CapletProcess.shell(line, in: folder.path)
        XCTAssertEqual(first.status, 0, first.errors)
        let (json, dates) = (try folder.bytes("grid/compare.json"), try changeDates(folder))
        XCTAssertEqual(
            dates.keys.sorted(), ["dense.json", "magnitude-global-0.5.json", "magnitude-global-0.8.json", "mine-0.5.json", "mine-0.8.json"])

        try FileManager.default.removeItem(atPath: folder.path("grid/cells/mine-0.5.json"))
        let second = try CapletProcess.shell(line, in: folder.path)
        XCTAssertEqual(second.status, 0, second.errors)
        XCTAssertEqual(second.output, first.output)
        XCTAssertTrue(second.errors.hasPrefix("3 of 4 cells are there already\nmine 0.5: "), second.errors)
        XCTAssertEqual(try folder.bytes("grid/compare.json"), json)
        let after = try changeDates(folder)
        XCTAssertEqual(after.filter { $0.value != dates[$0.key] }.map(\.key), ["mine-0.5.json"])

        // Another seed makes other cells: these are not replaced unasked, and nothing is touched.
        let other = try CapletProcess.shell("\(line) --seed 1", in: folder.path)
        XCTAssertEqual(other.status, 64)
        XCTAssertTrue(other.errors.contains("was made otherwise (seed 0, not 1); --force"), other.errors)
        XCTAssertEqual(try changeDates(folder), after)
        XCTAssertEqual(try CapletProcess.shell("\(line) --seed 1 --force", in: folder.path).status, 0)
    }

    /// Files stay below their budgets; the page says what it is of, and marks the best of a column.
    func testBudgetsMayBeBytes() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let line = CompareTests.grid.replacingOccurrences(of: "0.8,0.5", with: "60kB,50kB")
        let plain = "plain=quantize{size=BUDGET objective=weights target=dense layers=matrices}"
        let result = try CapletProcess.shell("\(line) --methods caplet --methods '\(plain)'", in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertTrue(result.output.contains("60 kB"), result.output)
        let cells = try document(folder).cells
        XCTAssertEqual(cells.count, 4)
        for cell in cells {
            XCTAssertLessThanOrEqual(Double(cell.fileBytes), cell.budget)
            XCTAssertGreaterThan(Double(cell.fileBytes), 0.98 * cell.budget)
        }
        let page = String(decoding: try folder.bytes("grid/compare.html"), as: UTF8.self)
        XCTAssertTrue(page.contains("tiny: 92,480 parameters"), page)
        XCTAssertEqual(page.components(separatedBy: "class=\"best\"").count - 1, 2)
        let mixed = try CapletProcess.shell("\(line) --methods 'w=wanda{keep=KEEP}' --force", in: folder.path)
        XCTAssertEqual(mixed.status, 64)
    }

    func testPageStandsAlone() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let line = "\(CompareTests.grid) --methods magnitude,caplet"
        let result = try CapletProcess.shell(line, in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertTrue(result.output.contains("caplet at 0.5: "), result.output)
        let page = String(decoding: try folder.bytes("grid/compare.html"), as: UTF8.self)
        for fragment in ["<script", "src=", "href=", "url("] { XCTAssertFalse(page.contains(fragment), fragment) }
        // Loss against parameters and bytes; rank, density and sensitivity at both budgets; spectra of two blocks.
        XCTAssertEqual(page.components(separatedBy: "<figure>").count - 1, 2 + 6 + 2)
        let body = page.replacingOccurrences(of: "<!DOCTYPE html>", with: "")
        let figures = body.components(separatedBy: "<figure>").dropFirst().compactMap { $0.components(separatedBy: "</figure>").first }
        for figure in figures { XCTAssertTrue(XMLText.isWellFormed(figure), figure) }
        XCTAssertFalse(page.contains("nan"))
    }

    func testInterruptedGridKeepsFinishedCells() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let methods = "--methods magnitude --methods 'slow=rpca{iterations=100000 tolerance=0},magnitude{keep=KEEP}'"
        let running = try CapletProcess.start("exec env --default-signal=INT,TERM \(CompareTests.grid) \(methods)", in: folder.path)
        for _ in 0..<200 where !FileManager.default.fileExists(atPath: folder.path("grid/cells/magnitude-0.5.json")) {
            Thread.sleep(forTimeInterval: 0.05)
        }
        Thread.sleep(forTimeInterval: 0.3)
        kill(running.process.processIdentifier, SIGINT)
        let result = try running.wait()
        XCTAssertEqual(result.status, 130, result.errors)
        XCTAssertEqual(result.output, "")
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path("grid")), ["cells"])
        XCTAssertEqual(try changeDates(folder).keys.sorted(), ["dense.json", "magnitude-0.5.json", "magnitude-0.8.json"])
    }
}

/// Whether markup closes what it opens.
private enum XMLText {
    static func isWellFormed(_ text: String) -> Bool {
        var open: [Substring] = []
        var rest = text[...]
        while let start = rest.firstIndex(of: "<"), let end = rest[start...].firstIndex(of: ">") {
            let tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasSuffix("/") { continue }
            if tag.hasPrefix("/") {
                guard open.popLast() == tag.dropFirst() else { return false }
            } else {
                open.append(tag.prefix { $0 != " " })
            }
        }
        return open.isEmpty
    }
}
