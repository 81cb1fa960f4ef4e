import Foundation
import TestSupport
import XCTest
@testable import CapletRuntime

/// What may be drawn, beside the logits processors of transformers.
final class SamplerReferenceTests: XCTestCase {
    private struct Case: Encodable {
        var temperature = 1.0
        var k = 0
        var p = 1.0
        var m = 0.0
        var penalty = 1.0
        var recent: [Int32] = []
        var logits: [Float]
    }

    private struct Expected: Decodable {
        let penalised: [Float]
        let kept: [Int]
        let shares: [Double]
    }

    /// In the order that is promised: penalty, top-k, top-p at the temperature, min-p without it.
    private static let script = """
        import sys, json, torch
        from transformers.generation.logits_process import (RepetitionPenaltyLogitsProcessor, TopKLogitsWarper, TopPLogitsWarper, MinPLogitsWarper)
        for c in json.load(open(sys.argv[1])):
            ids, s = torch.tensor([c['recent']], dtype=torch.long), torch.tensor([c['logits']])
            if c['penalty'] != 1: s = RepetitionPenaltyLogitsProcessor(c['penalty'])(ids, s)
            penalised = s[0].tolist()
            if c['k']: s = TopKLogitsWarper(c['k'])(ids, s)
            if c['p'] < 1: s = s.masked_fill(TopPLogitsWarper(c['p'])(ids, s / c['temperature']).isinf(), -float('inf'))
            if c['m']: s = MinPLogitsWarper(c['m'])(ids, s)
            shares = torch.softmax(s[0].double() / c['temperature'], -1)
            print(json.dumps({'penalised': penalised, 'kept': s[0].isfinite().nonzero().flatten().tolist(), 'shares': shares.tolist()}))
        """

    func testAgainstTransformers() throws {
        var cases: [Case] = []
        for (index, (k, p, m)) in [(0, 1.0, 0.0), (5, 1, 0), (0, 0.8, 0), (0, 1, 0.1), (12, 0.7, 0), (20, 0.9, 0.05), (3, 1, 0.5)]
            .enumerated()
        {
            for (temperature, penalty) in [(1.0, 1.0), (0.7, 1.3), (2.0, 0.8)] {
                let logits = (0..<60).map { Float(6 * Foundation.sin(Double($0 * $0 + 7 * index) * 1.37)) }
                let recent = (0..<40).map { Int32($0 * 11 % 60) }
                cases.append(Case(temperature: temperature, k: k, p: p, m: m, penalty: penalty, recent: recent, logits: logits))
            }
        }
        let folder = try TemporaryFolder()
        try folder.write(Array(JSONEncoder().encode(cases)), as: "cases.json")
        let lines = try PythonProcess.run(Self.script, [folder.path("cases.json")]).split(separator: "\n")
        XCTAssertEqual(lines.count, cases.count)
        for (test, line) in zip(cases, lines) {
            let expected = try JSONDecoder().decode(Expected.self, from: Data(line.utf8))
            let sampler = Sampler(
                GenerationOptions(
                    temperature: test.temperature, topP: test.p, topK: test.k, minP: test.m, repetitionPenalty: test.penalty))
            let logits = sampler.penalised(test.logits, test.recent[...])
            XCTAssertEqual(logits, expected.penalised)
            let largest = Double(logits.max() ?? 0)
            let weights = logits.map { Foundation.exp((Double($0) - largest) / test.temperature) }
            let kept = sampler.candidates(logits, weights, largest: largest)
            XCTAssertEqual(kept.sorted(), expected.kept, "\(test)")
            let total = kept.reduce(0) { $0 + weights[$1] }
            for id in kept { XCTAssertEqual(weights[id] / total, expected.shares[id], accuracy: 1e-6) }
        }
    }
}
