import Foundation
import TestSupport
import XCTest

/// Every file of Tests/Transcripts, played again. CAPLET_UPDATE_TRANSCRIPTS=1 writes what happens into the files instead.
final class TranscriptTests: XCTestCase {
    func testTranscripts() throws {
        let transcripts = Repository.path("Tests/Transcripts")
        let names = try FileManager.default.contentsOfDirectory(atPath: transcripts).filter { $0.hasSuffix(".txt") }.sorted()
        XCTAssertFalse(names.isEmpty)
        for name in names {
            let path = "\(transcripts)/\(name)"
            let transcript = try Transcript(String(contentsOfFile: path, encoding: .utf8), name: name)
            let folder = try CheckpointFolder()
            defer { withExtendedLifetime(folder) {} }
            let replayed = try transcript.replayed(in: folder.path)
            if ProcessInfo.processInfo.environment["CAPLET_UPDATE_TRANSCRIPTS"] == "1" {
                try replayed.text.write(toFile: path, atomically: true, encoding: .utf8)
                continue
            }
            for (expected, found) in zip(transcript.steps, replayed.steps) {
                let label = "\(name): \(expected.command)"
                XCTAssertEqual(found.status, expected.status, "\(label): status")
                XCTAssertEqual(found.output.joined(separator: "\n"), expected.output.joined(separator: "\n"), "\(label): standard output")
                XCTAssertEqual(found.errors.joined(separator: "\n"), expected.errors.joined(separator: "\n"), "\(label): standard error")
            }
        }
    }
}
