import CKernels
import CapletFormat
import Execution
import FormatKit
import LinearAlgebra
import ModelGraph
import PassKit
import RPCA
import TestSupport
import XCTest

@testable import PostTrainingQuantization

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
                [QuantizePass.self], pipeline: "quantize{bits=\(bits) coding=entropy trellis=false target=dense}", needsCalibration: true
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
        let result = try layer.apply(QuantizePass.self, "quantize{bits=3.5 objective=inputs lambda=0 trellis=false target=dense}")
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

    /// Codes that bits are spared for, from a histogram of the round before, and the scales that keep outputs as large as they were: all from the
    /// equations, each code the best of all 255.
    func testRateDistortionCodesAreThoseOfNumPy() throws {
        let (layer, execution) = (try ReferenceLayer(), ExecutionContext(threads: 2))
        let prices = (0..<layer.weight.rows).map { 0.5 + Double($0 % 4) }
        let matrix = try CodedMatrix(
            CodedValues(.dense(DenseTensor(layer.weight, dtype: .f32)), name: "w"),
            curvature: WeightCurvature(inputs: layer.secondMoment, rows: prices), execution)
        // About three bits a code.
        let mean = matrix.rowScales.reduce(0.0) { $0 + Double($1) } / Double(matrix.rowScales.count)
        let step = 0.5 * Double(layer.weight.frobeniusNorm) / Double(layer.weight.elements.count).squareRoot() / mean
        let first = try matrix.rounded(CodedMatrix.Round(step: step, lengths: nil, lambda: 0), execution)
        let second = try matrix.rounded(CodedMatrix.Round(step: step, lengths: first.histogram.lengths, lambda: 0.15), execution)
        let theirs = try layer.numbers(
            """
            m, n = w.shape; u = np.linalg.cholesky(np.linalg.inv(h + 0.01 * np.diag(h).mean() * np.eye(n))).T
            def storable(x):
                unit = 2.0 ** (np.floor(np.log2(x)) - 3)
                return np.rint(x / unit) * unit
            def bfloat16(x):
                return ((x.astype(np.float32).view(np.uint32) + 0x8000) & 0xFFFF0000).view(np.float32).astype(np.float64)
            price = 0.5 + np.arange(m) % 4; price = 0.98 * price + 0.02 * price.mean()
            d = np.diag(u); centre = np.exp(np.log(d).mean()); columns = storable(d / centre)
            rows = bfloat16(np.maximum(\(step) * centre / np.sqrt(price), np.abs(w / columns).max(1) / 112))
            def codes(bits, weight):
                rest = w.copy(); made = np.zeros_like(w); all = np.arange(-127, 128)
                for j in range(n):
                    steps = rows * columns[j]
                    cost = (rest[:, j, None] / steps[:, None] - all) ** 2 + weight * bits[None, :]
                    made[:, j] = all[np.argmin(cost, axis=1)]
                    error = (rest[:, j] - steps * made[:, j]) / u[j, j]
                    rest[:, j + 1:] -= np.outer(error, u[j, j + 1:])
                return made
            nearest = codes(np.zeros(255), 0)
            counts = np.array([np.count_nonzero(nearest == c) for c in range(-127, 128)])
            bits = -np.log2((counts + 0.5) / (nearest.size + 128))
            made = codes(bits, 0.15)
            value = made * rows[:, None] * columns
            gain = ((w @ h) * w).sum(1) / ((w @ h) * value).sum(1)
            entropy = lambda c: -sum(k * np.log2(k / c.size) for k in np.unique(c, return_counts=True)[1])
            result = [entropy(nearest), entropy(made), nearest, made, rows * gain]
            """)
        XCTAssertEqual(first.histogram.entropy / theirs[0], 1, accuracy: 2e-3)
        XCTAssertEqual(second.histogram.entropy / theirs[1], 1, accuracy: 5e-3)
        XCTAssertLessThan(theirs[1], 0.995 * theirs[0], "no bit was spared")
        let count = layer.weight.elements.count
        for (codes, start) in [(first.codes, 2), (second.codes, 2 + count)] {
            let ours = try XCTUnwrap(codes).withUnsafeBytes { $0.map { Int8(bitPattern: $0) } }
            // A rounding that goes the other way in single precision turns what follows in its row.
            let different = zip(ours, theirs[start..<start + count]).count { Double($0) != $1 }
            XCTAssertLessThan(Double(different), 0.03 * Double(count))
        }
        for (ours, expected) in zip(second.scales, theirs[(2 + 2 * count)...]) {
            XCTAssertEqual(Double(ours) / expected, 1, accuracy: 0.01)
        }
    }

    /// The step that meets a rate is where NumPy's entropy of rounded values meets it.
    func testRateSearchFindsTheStepOfNumPy() throws {
        let layer = try ReferenceLayer()
        for bits in [2.3, 4.0] {
            let found = try XCTUnwrap(
                RateSearch(slack: 0.002).find(target: bits, start: 0.3) { step in
                    CodeHistogram(layer.weight.elements.map { Int8(max(-127, min(127, ($0 / Float(step)).rounded()))) }).entropy
                        / Double(layer.weight.elements.count)
                })
            XCTAssertLessThanOrEqual(found.rate, bits)
            let theirs = try layer.numbers(
                """
                def rate(step):
                    k = np.unique(np.clip(np.rint(w / step), -127, 127), return_counts=True)[1]
                    return -(k * np.log2(k / w.size)).sum() / w.size
                low, high = 1e-6, 10.0
                for _ in range(60):
                    middle = np.sqrt(low * high)
                    low, high = (middle, high) if rate(middle) > \(bits) else (low, middle)
                result = [high, rate(\(found.step))]
                """)
            XCTAssertEqual(found.step / theirs[0], 1, accuracy: 0.01)
            XCTAssertEqual(theirs[1], found.rate, accuracy: 1e-3)
        }
    }

    /// Without feedback the way through the trellis is the cheapest of all ways.
    func testTrellisIsTheCheapestOfAllWays() {
        let (width, indices) = (5, Int(CAPLET_TRELLIS_INDICES))
        let classes = [UInt8](repeating: 3, count: width)
        var lengths = [Float](repeating: 9, count: TrellisCounts.count)
        for quantiser in 0..<2 {
            for index in 0..<indices {
                lengths[(quantiser * Int(CAPLET_TRELLIS_CLASSES) + 3) * indices + index] = 1 + Float(index) * (quantiser == 0 ? 0.75 : 0.5)
            }
        }
        for seed in 0..<4 {
            var values = (0..<width).map { Float((seed * 31 + $0 * 17) % 23) / 4 - 2.75 }
            let steps: [Float] = [0.5, 1, 0.75, 1, 0.5]
            func least(_ place: Int, _ state: Int) -> Float {
                guard place < width else { return 0 }
                let quantiser = state / 2 % 2
                return (-5...5).map { index -> Float in
                    let level = quantiser == 1 ? 2 * index - index.signum() : 2 * index
                    let rest = values[place] / steps[place] - Float(level)
                    let length = lengths[(quantiser * Int(CAPLET_TRELLIS_CLASSES) + 3) * indices + abs(index)]
                    let next = 2 * state % 8 + (abs(index) + state.nonzeroBitCount) % 2
                    return rest * rest + 0.3 * length + least(place + 1, next)
                }.min() ?? 0
            }
            let (expected, original) = (least(0, 0), values)
            var (codes, errors) = ([Int8](repeating: 0, count: width), [Float](repeating: 0, count: width))
            _ = caplet_quantize_trellis(&values, steps, width, nil, 0, lengths, classes, 0.3, 0, &codes, &errors)
            var (state, cost) = (0, Float(0))
            for (place, code) in codes.enumerated() {
                let (quantiser, size) = (state / 2 % 2, abs(Int(code)))
                XCTAssertTrue(size == 0 || size % 2 == quantiser, "\(codes)")
                let index = (size + 1) / 2
                let rest = original[place] / steps[place] - Float(code)
                cost += rest * rest + 0.3 * lengths[(quantiser * Int(CAPLET_TRELLIS_CLASSES) + 3) * indices + index]
                XCTAssertEqual(errors[place], original[place] - steps[place] * Float(code), accuracy: 1e-5)
                state = 2 * state % 8 + (index + state.nonzeroBitCount) % 2
            }
            XCTAssertEqual(cost, expected, accuracy: 1e-4 * max(1, expected), "\(original) → \(codes)")
        }
    }

    /// At the same bits a trellis leaves less error of the outputs than one quantiser: 0.15 bits are a fifth of the squared error.
    func testTrellisLeavesLessError() throws {
        let graph = try SampleModel.graph(blocks: 1, hidden: 96, intermediate: 160)
        let errors = try [true, false].map { trellis in
            try PassConformance(
                [QuantizePass.self], pipeline: "quantize{bits=2.5 coding=entropy objective=weights trellis=\(trellis) target=dense}"
            ).apply(to: graph).reports[0].relativeError
        }
        XCTAssertLessThan(errors[0] * errors[0], 0.9 * errors[1] * errors[1])
    }

    func testOptionsThatMeanNothingAreRefused() throws {
        for (options, words) in [
            ("bits=8 lambda=0.2", "lambda=0.2"), ("lambda=0.2", "lambda=0.2"), ("bits=4 objective=inputs", "objective=inputs"),
            ("bits=3.5 group=32", "group=32"), ("size=1000 symmetric=false", "symmetric=false"), ("size=1000 bits=4", "bits=4"),
            ("increase=0.1 bits=3.5", "bits=3.5"), ("increase=0.1 size=1000", "size=1000"), ("size=1000 coding=fixed", "coding=fixed"),
            ("bits=3.5 components=none", "components=none"), ("bits=4 components=none target=dense", "components=none"),
        ] {
            XCTAssertThrowsError(try PassManager(Pipeline(parsing: "quantize{\(options)}"), catalog: PassCatalog(passes)), options) {
                XCTAssertEqual(($0 as? PipelineError)?.kind, .badOption)
                XCTAssertTrue("\($0)".contains("\(words) of 'quantize' means nothing with"), "\($0)")
            }
        }
        for options in ["bits=4 coding=entropy lambda=0.2", "size=1000 lambda=0.1", "bits=3.5 components=none target=dense+uv"] {
            XCTAssertNoThrow(try PassManager(Pipeline(parsing: "quantize{\(options)}"), catalog: PassCatalog(passes)), options)
        }
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

    /// The file is never larger than asked for, and at most 0.5 % smaller; where codes of a byte end before, it is as large as they make it, with a
    /// warning.
    func testSizeIsMet() throws {
        let graph = try SampleModel.graph(blocks: 2, hidden: 192, intermediate: 320)
        let folder = try TemporaryFolder()
        let path = folder.path("m.caplet")
        var forced = WriteOptions()
        forced.force = true
        for size in [120_000, 250_000, 90_000_000] {
            var result = graph
            let context = PassContext(
                execution: .init(threads: 2), seed: 0, original: graph,
                outputByteCount: { try CapletFormat().byteCount($0, at: path, forced, .init(threads: 2)) })
            let pipeline = try Pipeline(parsing: "quantize{size=\(size) objective=weights target=dense layers=matrices}")
            let report = try PassManager(pipeline, catalog: PassCatalog(passes)).run(&result, context)[0]
            let plan = try CapletFormat().write(result, to: path, forced, .init(threads: 2))
            XCTAssertLessThanOrEqual(plan.byteCount, size)
            let isReached = size < 1_000_000
            XCTAssertEqual(plan.byteCount >= size * 995 / 1000, isReached, "\(plan.byteCount) bytes for \(size)")
            XCTAssertEqual(report.warnings?.first?.contains("no step gives a file of size=\(size)") ?? false, !isReached)
        }
        for (pipeline, words) in [("size=900", "too little"), ("size=120000 coding=fixed", "no size")] {
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
