import CLibrary
import Execution
import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import XCTest

@testable import PostTrainingQuantization

/// What a report says rank and zeros come to, against counts of what is there and against codes made without them.
final class RankAndZerosTests: XCTestCase {
    private let spiked = "model.layers.0.mlp.up_proj.weight"

    /// One layer has a component that is a third of it.
    private func graph() throws -> TensorGraph {
        try SampleModel.graph(blocks: 1, hidden: 128, intermediate: 256) { [spiked] name, rows, columns in
            let matrix = Matrix.random(rows, columns, seed: UInt64(name.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) & 0xFFFF }))
            guard name == spiked else { return matrix }
            return matrix + Matrix.random(rows, 1, seed: 5).times(Matrix.random(1, columns, seed: 6))
        }
    }

    private func quantized(_ options: String) throws -> (graph: TensorGraph, report: PassReport) {
        let (result, reports) = try PassConformance(
            [QuantizePass.self], pipeline: "quantize{objective=weights target=dense \(options)}"
        ).apply(to: graph())
        return (result, reports[0])
    }

    private func codes(_ payload: Payload) throws -> [Int8] {
        switch payload {
        case .quantized(let tensor): return try tensor.codes.withUnsafeBytes { $0.map { Int8(bitPattern: $0) } }
        case .composite(let terms): return try terms.flatMap(codes)
        default: return []
        }
    }

    func testSharesAndRanksAreThoseOfTheResult() throws {
        let (result, report) = try quantized("bits=1.8")
        var (all, zeros, rank, bytes) = (0, 0, 0, 0.0)
        XCTAssertFalse(report.tensors.isEmpty)
        for entry in report.tensors {
            let payload = try XCTUnwrap(result[entry.name]).payload
            let (codes, shape) = (try codes(payload), payload.shape)
            let own = codes.count { $0 == 0 }
            XCTAssertEqual(codes.count, shape.elementCount)
            XCTAssertEqual(try XCTUnwrap(entry.measurement("zeroShare")), Double(own) / Double(codes.count), accuracy: 1e-12)
            XCTAssertEqual(entry.measurement("componentRank"), Double(payload.rank))
            XCTAssertEqual(entry.measurement("componentBytes"), 11.0 / 8 * Double(payload.rank * (shape.rows + shape.columns)))
            (all, zeros, rank) = (all + codes.count, zeros + own, rank + payload.rank)
            bytes += try XCTUnwrap(entry.measurement("zerosSavedBytes"))
        }
        XCTAssertEqual(rank, 1)
        XCTAssertEqual(report.measurement("componentRank"), 1)
        XCTAssertEqual(try XCTUnwrap(report.measurement("zeroShare")), Double(zeros) / Double(all), accuracy: 1e-12)
        XCTAssertEqual(try XCTUnwrap(report.measurement("zerosSavedBytes")), bytes, accuracy: 1e-6)
        XCTAssertTrue(report.notes.contains { $0.contains("rank 1 in 1 tensor takes 528 bytes") }, "\(report.notes)")
    }

    /// Bits a weight of a tensor at an error, between those of two whole runs.
    private func bits(_ name: String, at error: Double, _ options: String, rates: [Double]) throws -> Double {
        let points = try rates.map { rate in
            let entry = try XCTUnwrap(quantized("bits=\(rate) \(options)").report.tensors.first { $0.name == name })
            return (x: log(entry.squaredError), y: try XCTUnwrap(entry.measurement("entropyBitsPerWeight")))
        }
        return points[0].y + (points[1].y - points[0].y) * (log(error) - points[0].x) / (points[1].x - points[0].x)
    }

    /// What rank is said to save is what a run without components takes more at the error that is left.
    func testWhatRankSavesIsWhatCodesWithoutItTakeMore() throws {
        let entry = try XCTUnwrap(quantized("bits=3.5").report.tensors.first { $0.name == spiked })
        let without = try bits(spiked, at: entry.squaredError, "components=none", rates: [3.4, 3.6])
        let more = (without - (try XCTUnwrap(entry.measurement("entropyBitsPerWeight")))) * 256 * 128 / 8
        XCTAssertGreaterThan(more, 200)
        XCTAssertEqual(try XCTUnwrap(entry.measurement("componentSavedBytes")), more, accuracy: 0.15 * more)
    }

    /// What rounding towards zero is said to save is what a run without it takes more at the error that is left.
    func testWhatZerosSaveIsWhatNearestLevelsTakeMore() throws {
        let (name, options) = ("model.layers.0.mlp.down_proj.weight", "components=none coding=entropy")
        let report = try quantized("bits=1.5 \(options)").report
        let entry = try XCTUnwrap(report.tensors.first { $0.name == name })
        let plain = try bits(name, at: entry.squaredError, "\(options) lambda=0", rates: [1.5, 1.7])
        let more = (plain - (try XCTUnwrap(entry.measurement("entropyBitsPerWeight")))) * 256 * 128 / 8
        XCTAssertGreaterThan(more, 50)
        XCTAssertEqual(try XCTUnwrap(entry.measurement("zerosSavedBytes")), more, accuracy: 0.2 * more)
        // Without a price of bits nothing is rounded towards zero.
        let nearest = try quantized("bits=1.5 \(options) lambda=0").report
        XCTAssertEqual(nearest.measurement("zerosSavedBytes"), 0)
    }

    /// The error of codes in the metric of H and of rows, element by element in double precision.
    func testErrorIsThatOfItsDefinition() throws {
        let (m, n) = (20, 12)
        let (weight, root) = (Matrix.random(m, n, seed: 3), Matrix.random(30, n, seed: 4))
        let h = root.times(root, .transposed)
        let prices = (0..<m).map { 0.5 + Double($0 % 4) }
        let execution = ExecutionContext(threads: 2)
        let matrix = try CodedMatrix(
            CodedValues(.dense(DenseTensor(weight, dtype: .f32)), name: "w"), curvature: WeightCurvature(inputs: h, rows: prices), execution
        )
        var round = CodedMatrix.Round(step: 1.3, lambda: 0)
        round.measuresError = true
        let made = try matrix.rounded(round, execution)
        let shape = try XCTUnwrap(Shape([m, n]))
        let decoded = try Payload.quantized(made.tensor(shape: shape, groupSize: matrix.groupSize)).densifiedMatrix()
        var (sum, norm) = (0.0, 0.0)
        for row in 0..<m {
            let delta = (0..<n).map { Double(weight[row, $0]) - Double(decoded[row, $0]) }
            var own = 0.0
            for i in 0..<n { for j in 0..<n { own += delta[i] * Double(h[i, j]) * delta[j] } }
            sum += own / pow(Double(matrix.rowScales[row]), 2)
            norm += delta.reduce(0) { $0 + $1 * $1 }
        }
        XCTAssertGreaterThan(norm, 0.01)
        XCTAssertEqual(made.error, sum, accuracy: 1e-4 * sum)
        XCTAssertEqual(try matrix.rounded(CodedMatrix.Round(step: 1.3, lambda: 0), execution).error, 0)
    }
}
