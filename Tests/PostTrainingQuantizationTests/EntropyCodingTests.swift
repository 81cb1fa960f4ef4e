import CapletFormat
import FormatKit
import LinearAlgebra
import ModelGraph
import PassKit
import PostTrainingQuantization
import RPCA
import TestSupport
import XCTest

final class EntropyCodingTests: XCTestCase {
    private let passes: [any Pass.Type] = [RPCAPass.self, QuantizePass.self]

    func testConformance() throws {
        for options in ["bits=3.5 target=dense", "bits=4 coding=entropy objective=inputs target=dense"] {
            try PassConformance([QuantizePass.self], pipeline: "quantize{\(options)}", needsCalibration: true).run()
        }
        try PassConformance([QuantizePass.self], pipeline: "quantize{bits=2.5 objective=weights target=dense}").run()
        try PassConformance(passes, pipeline: "rpca,quantize{bits=4.5 target=uv+s}", needsCalibration: true).run()
    }

    /// Order-0 entropy of all codes in bits, counted here.
    private func entropy(_ tensor: QuantizedTensor) throws -> Double {
        let codes = try tensor.codes.withUnsafeBytes { Array($0) }
        let counts = Dictionary(grouping: codes) { $0 }.values.map { Double($0.count) }
        return counts.reduce(0) { $0 - $1 * log2($1 / Double(codes.count)) }
    }

    private func quantized(_ payload: Payload) throws -> QuantizedTensor {
        guard case .quantized(let tensor) = payload else { throw GraphError.inconsistent("payload", "is \(payload.kindName)") }
        return tensor
    }

    /// The rate asked for is that of the codes and the scales, and more bits leave less error.
    func testRateIsMet() throws {
        let graph = try SampleModel.graph(blocks: 1, hidden: 96, intermediate: 160)
        var last = Double.infinity
        for bits in [1.5, 2.25, 3.5, 5.1] {
            let (result, reports) = try PassConformance(
                [QuantizePass.self], pipeline: "quantize{bits=\(bits) coding=entropy target=dense}", needsCalibration: true
            ).apply(to: graph)
            let linear = result.tensors.filter { $0.role == .linear }
            let values = linear.reduce(0) { $0 + $1.shape.elementCount }
            let codes = try linear.reduce(0) { try $0 + entropy(quantized($1.payload)) }
            let stated = try XCTUnwrap(reports[0].measurement("entropyBitsPerValue"))
            XCTAssertEqual(stated, bits, accuracy: 0.003 * bits)
            // Scales are one or two bytes a row and a column.
            let scales = linear.reduce(0) { $0 + $1.shape.rows + $1.shape.columns }
            XCTAssertLessThan(codes, stated * Double(values))
            XCTAssertGreaterThan(codes, stated * Double(values) - 16 * Double(scales))
            XCTAssertLessThan(reports[0].relativeError, last)
            last = reports[0].relativeError
        }
        XCTAssertLessThan(last, 0.05)
    }

    /// Feeding errors forward, column by column with the whole inverse in double precision: numpy finds the same codes.
    func testCodesAreThoseOfNumPy() throws {
        let layer = try ReferenceLayer()
        let result = try layer.apply(QuantizePass.self, "quantize{bits=3.5 objective=inputs lambda=0 target=dense}")
        let tensor = try quantized(result.payload)
        let columns = try XCTUnwrap(tensor.columnScales).floats()
        let step = try XCTUnwrap(result.pass.measurement("step"))
        let theirs = try layer.python(
            """
            n = w.shape[1]; u = np.linalg.cholesky(np.linalg.inv(h + 0.01 * np.diag(h).mean() * np.eye(n))).T
            def storable(x):
                unit = 2.0 ** (np.floor(np.log2(x)) - 3)
                return np.rint(x / unit) * unit
            d = np.diag(u); centre = np.exp(np.log(d).mean()); columns = storable(d / centre)
            price = w.size / ((w @ h) * w).sum()
            rows = np.full((w.shape[0], 1), centre / np.sqrt(price))
            steps = np.maximum(\(step) * rows, np.abs(w / columns).max(1, keepdims=True) / 112)
            steps = ((steps.astype(np.float32).view(np.uint32) + 0x8000) & 0xFFFF0000).view(np.float32) * columns
            rest = w.copy(); codes = np.zeros_like(w)
            for j in range(n):
                codes[:, j] = np.clip(np.rint(rest[:, j] / steps[:, j]), -127, 127)
                error = (rest[:, j] - steps[:, j] * codes[:, j]) / u[j, j]
                rest[:, j + 1:] -= np.outer(error, u[j, j + 1:])
            result = codes
            """)
        let codes = try tensor.codes.withUnsafeBytes { $0.map { Float(Int8(bitPattern: $0)) } }
        // A rounding that goes the other way in single precision turns what follows in its row.
        let different = zip(codes, theirs.elements).count { $0 != $1 }
        XCTAssertLessThan(Double(different), 0.02 * Double(codes.count))
        XCTAssertEqual(columns.count, tensor.shape.columns)
    }

    /// Outputs keep their size, row by row, though codes are cut towards zero: wᵀHw = ŵᵀHw to the precision of BF16.
    func testOutputsDoNotShrink() throws {
        let layer = try ReferenceLayer()
        let result = try layer.apply(QuantizePass.self, "quantize{bits=2 coding=entropy objective=inputs lambda=0.2 target=dense}")
        let output = try layer.python("result = (w @ h)")
        let made = try result.payload.densifiedMatrix()
        for row in 0..<made.rows {
            let (was, now) = (0..<made.columns).reduce((0.0, 0.0)) {
                ($0.0 + Double(output[row, $1] * layer.weight[row, $1]), $0.1 + Double(output[row, $1] * made[row, $1]))
            }
            XCTAssertEqual(now / was, 1, accuracy: 0.01, "row \(row)")
        }
    }

    /// The same bits go to the layer whose errors cost more.
    func testBitsGoWhereErrorsCost() throws {
        let graph = try SampleModel.graph()
        let dear = "model.layers.1.mlp.up_proj.weight"
        let calibration = try QuadraticCalibration(graph, sequences: 8, importance: [dear: 100])
        var result = graph
        let context = PassContext(execution: .init(threads: 2), seed: 3, original: graph, calibration: calibration)
        let manager = try PassManager(Pipeline(parsing: "quantize{bits=3.5 target=dense}"), catalog: PassCatalog(passes))
        let report = try manager.run(&result, context)[0]
        func bits(_ name: String) throws -> Double {
            try XCTUnwrap(report.tensors.first { $0.name == name }?.measurement("entropyBitsPerWeight"))
        }
        // A hundredth of the squared error is log₄ 100 = 3.3 bits.
        XCTAssertEqual(try bits(dear) - bits("model.layers.0.mlp.up_proj.weight"), 3.3, accuracy: 0.7)
    }

    /// The file is never larger than asked for, and at most 0.5 % smaller.
    func testSizeIsMet() throws {
        let graph = try SampleModel.graph(blocks: 2, hidden: 192, intermediate: 320)
        let folder = try TemporaryFolder()
        let path = folder.path("m.caplet")
        var forced = WriteOptions()
        forced.force = true
        for size in [120_000, 250_000] {
            var result = graph
            let context = PassContext(
                execution: .init(threads: 2), seed: 0, original: graph,
                outputByteCount: { try CapletFormat().byteCount($0, at: path, forced, .init(threads: 2)) })
            let pipeline = try Pipeline(parsing: "quantize{size=\(size) objective=weights target=dense layers=matrices}")
            _ = try PassManager(pipeline, catalog: PassCatalog(passes)).run(&result, context)
            let plan = try CapletFormat().write(result, to: path, forced, .init(threads: 2))
            XCTAssertLessThanOrEqual(plan.byteCount, size)
            XCTAssertGreaterThanOrEqual(plan.byteCount, size * 995 / 1000)
        }
        for (pipeline, words) in [("size=900", "too little"), ("size=90000000", "nearest below"), ("size=120000 coding=fixed", "no size")] {
            let context = PassContext(
                execution: .init(threads: 2), seed: 0, original: graph,
                outputByteCount: { try CapletFormat().byteCount($0, at: path, forced, .init(threads: 2)) })
            var result = graph
            XCTAssertThrowsError(
                try PassManager(
                    Pipeline(parsing: "quantize{\(pipeline) objective=weights target=dense layers=matrices}"), catalog: PassCatalog(passes)
                ).run(&result, context)
            ) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
    }

    func testWhatDoesNotGoTogetherIsRefused() throws {
        for (options, words) in [
            ("bits=3.3 coding=fixed", "whole number"), ("bits=7.5", "at most"), ("size=1000", "caplet format"),
        ] {
            let conformance = PassConformance([QuantizePass.self], pipeline: "quantize{\(options) target=dense}", needsCalibration: true)
            XCTAssertThrowsError(try conformance.apply(to: SampleModel.graph()), options) {
                XCTAssertTrue("\($0)".contains(words), "\($0)")
            }
        }
    }
}
