import Foundation
import XCTest

/// The mean loss that `caplet evaluate --json` reports.
enum MeanLoss {
    private struct Evaluation: Decodable { let mean_nll: Double }

    static func of(_ model: String, tokens: String, in folder: String) throws -> Double {
        try of(model, ["--tokens", tokens], in: folder)
    }

    /// - Parameter options: what to score, and how.
    static func of(_ model: String, _ options: [String], in folder: String) throws -> Double {
        let result = try CapletProcess.run(["evaluate", model] + options + ["--json", "--no-progress"], in: folder)
        XCTAssertEqual(result.status, 0, result.errors)
        return try JSONDecoder().decode(Evaluation.self, from: Data(result.output.utf8)).mean_nll
    }
}
