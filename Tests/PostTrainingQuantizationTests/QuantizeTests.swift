import LinearAlgebra
import ModelGraph
import PassKit
import PostTrainingQuantization
import RPCA
import TestSupport
import XCTest

final class QuantizeTests: XCTestCase {
    func testConformance() throws {
        try PassConformance([QuantizePass.self], pipeline: "quantize{target=dense}").run()
        try PassConformance([QuantizePass.self, RPCAPass.self], pipeline: "rpca,quantize{bits=4 symmetric=false target=uv+s}").run()
    }

    /// Rounding to nearest leaves at most half a step; the error falls by about four with each two bits.
    func testErrorFallsWithBitsAndGroups() throws {
        let graph = try SampleModel.graph()
        func error(_ options: String) throws -> Double {
            try PassConformance([QuantizePass.self], pipeline: "quantize{target=dense \(options)}").apply(to: graph).reports[0]
                .relativeError
        }
        for symmetric in ["true", "false"] {
            var last = Double.infinity
            for bits in 2...8 {
                let now = try error("bits=\(bits) group=16 symmetric=\(symmetric)")
                XCTAssertLessThan(now, last * 0.75, "\(bits) bits, symmetric=\(symmetric)")
                last = now
            }
            XCTAssertLessThan(last, 0.01)
        }
        XCTAssertLessThan(try error("bits=4 group=8"), try error("bits=4 group=40"))
    }

    /// The scale search is never worse than the scale that covers the whole range, which numpy computes here.
    func testIsNoWorseThanPlainAbsmaxRounding() throws {
        let matrix = SampleModel.heavyTailed(24, 40, seed: 9)
        let graph = try SampleModel.graph { _, rows, columns in
            rows == 24 && columns == 40 ? matrix : SampleModel.heavyTailed(rows, columns, seed: 1)
        }
        let folder = try TemporaryFolder()
        let path = folder.path("w.bin")
        try Data(matrix.elements.withUnsafeBytes { Array($0) }).write(to: URL(fileURLWithPath: path))
        for bits in [2, 3, 4, 8] {
            let report = try PassConformance([QuantizePass.self], pipeline: "quantize{target=dense bits=\(bits) group=20}").apply(to: graph)
                .reports[0]
            let ours = try XCTUnwrap(report.tensors.first { $0.name == "model.layers.0.mlp.down_proj.weight" }).relativeError
            let output = try PythonProcess.run(
                """
                import sys, numpy as np
                w = np.fromfile(sys.argv[1], dtype=np.float32).reshape(24, 2, 20)
                top = 2 ** (int(sys.argv[2]) - 1) - 1
                scale = (np.abs(w).max(-1, keepdims=True) / top).astype(np.float16).astype(np.float32)
                q = np.clip(np.rint(w / scale), -top - 1, top) * scale
                print(np.linalg.norm(q - w) / np.linalg.norm(w))
                """, [path, "\(bits)"])
            let plain = try XCTUnwrap(Double(output.trimmingCharacters(in: .whitespacesAndNewlines)))
            XCTAssertLessThanOrEqual(ours, plain * 1.0001, "\(bits) bits")
        }
    }

    func testPartsThatAreNotNamedStayAsTheyAre() throws {
        let passes: [any Pass.Type] = [RPCAPass.self, QuantizePass.self]
        let result = try PassConformance(passes, pipeline: "rpca,quantize{bits=8 target=uv}").apply(to: SampleModel.graph()).graph
        let tensor = try XCTUnwrap(result["model.layers.0.mlp.up_proj.weight"])
        for term in tensor.payload.terms {
            switch term {
            case .lowRank(let factors):
                guard case .quantized(let u) = factors.u, case .quantized = factors.v else { return XCTFail("U and V are not quantised") }
                XCTAssertEqual(u.bits, 8)
            case .sparse(let entries):
                guard case .dense = entries.values else { return XCTFail("S was not asked for") }
            default: XCTFail("unexpected term \(term.kindName)")
            }
        }
    }

    func testScalesBeyondHalfPrecisionAreRefused() throws {
        let graph = try SampleModel.graph { _, rows, columns in
            Matrix(rows: rows, columns: columns, elements: [Float](repeating: 1e30, count: rows * columns))
        }
        XCTAssertThrowsError(try PassConformance([QuantizePass.self], pipeline: "quantize{target=dense}").apply(to: graph)) {
            XCTAssertTrue("\($0)".contains("too large"), "\($0)")
        }
    }
}
