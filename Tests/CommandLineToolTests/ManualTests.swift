import Foundation
import TestSupport
import XCTest

/// What is made of the program's declarations says what they say.
final class ManualTests: XCTestCase {
    private func made(_ kind: String, in folder: TemporaryFolder) throws -> String {
        let script = Repository.path("docs/manual.py")
        let result = try CapletProcess.shell("caplet --experimental-dump-help | python3 '\(script)' \(kind)", in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        return result.output
    }

    func testCommandsAreThoseOfTheProgram() throws {
        let folder = try TemporaryFolder()
        let made = try made("markdown", in: folder)
        let path = Repository.path("docs/commands.md")
        if ProcessInfo.processInfo.environment["CAPLET_UPDATE_TRANSCRIPTS"] == "1" {
            try made.write(toFile: path, atomically: true, encoding: .utf8)
        }
        XCTAssertEqual(try String(contentsOfFile: path, encoding: .utf8), made, "`make commands` makes it again")
    }

    /// README's charts are what the tables say, and a table that says something else is noticed.
    func testChartsAreThoseOfTheTables() throws {
        let folder = try TemporaryFolder()
        let result = try CapletProcess.shell(
            """
            set -e
            mkdir Benchmarks docs
            cp '\(Repository.path("Benchmarks/charts.py"))' Benchmarks
            cp -r '\(Repository.path("docs/benchmarks.md"))' '\(Repository.path("docs/images"))' docs
            python3 Benchmarks/charts.py --check
            sed -i 's/| wanda | 0.0094/| wanda | 0.0194/' docs/benchmarks.md
            if python3 Benchmarks/charts.py --check; then exit 1; fi
            """, in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertTrue(result.errors.contains("docs/images/parameters.svg is not what"), result.errors)
    }

    func testTheManualPageHasEveryVerbAndNoStrayRequest() throws {
        let folder = try TemporaryFolder()
        let page = try made("man 1.2.3", in: folder)
        XCTAssertTrue(page.hasPrefix(".TH CAPLET 1 \"\" \"caplet 1.2.3\""), page)
        for verb in ["CONVERT", "COMPRESS", "EVALUATE", "RUN", "VERIFY"] { XCTAssertTrue(page.contains("\n.SH \(verb)\n"), verb) }
        let requests: Set = [".TH", ".SH", ".B", ".PP", ".TP", ".nf", ".fi", ".RS", ".RE"]
        for line in page.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
            XCTAssertTrue(requests.contains(String(line.prefix { $0 != " " })), String(line))
        }
    }
}
