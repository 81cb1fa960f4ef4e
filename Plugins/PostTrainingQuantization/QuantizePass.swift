import ModelGraph
import PassKit

/// Post-training quantisation of factors U and V, of sparse values and of dense tensors: to codes of one width, rounded to nearest, or
/// to codes for an entropy coder, of any number of bits on the average.
///
/// Entropy coding costs a gradient pass over the calibration set for objective=loss (one forward, one forward and back), then about
/// m·n² + n³ operations a matrix [m, n] and round, with some six rounds to meet a rate; the second moments of all layers' inputs, n²
/// floats each, are in memory.
public struct QuantizePass: Pass {
    public static let name = "quantize"
    public static let summary = "integer codes with scales, for U, V, sparse values and dense tensors"
    public static let options = [
        PassOption(
            "bits", .number(0.1...8, allowsAuto: false), default: "8",
            "bits a code; with coding=entropy bits a value on the average, scales and all, at most 6.5"),
        PassOption(
            "size", .integer(0...Int.max), default: "0",
            "instead of bits: the largest size in bytes of the whole file, which ends within 0.5 % of it"),
        PassOption(
            "increase", .number(0...100, allowsAuto: false), default: "0",
            "instead of bits: nats a token by which the mean loss on held-back text may rise; of an encoder its embeddings' 1 − cosine"),
        PassOption(
            "coding", .choice(["auto", "fixed", "entropy"]), default: "auto",
            "fixed: codes of one width; entropy: codes that few bits are enough for; auto: fixed for a whole number of bits"),
        PassOption("group", .integer(1...1_048_576), default: "64", "elements of a row that share a scale with coding=fixed"),
        PassOption(
            "symmetric", .flag, default: "true", "levels around zero with coding=fixed; false gives each group a zero point"),
        PassOption(
            "objective", .choice(["loss", "inputs", "weights"]), default: "loss",
            "what errors cost with coding=entropy: the divergence of predictions, the layers' outputs, or without text the weights"),
        PassOption(
            "lambda", .number(0...1, allowsAuto: false), default: "0.05", "squared steps that a bit is worth with coding=entropy"),
        PassOption(
            "components", .choice(["auto", "none"]), default: "auto",
            "auto: with coding=entropy a dense tensor's largest singular components go into U and V where that saves bytes"),
        PassOption("target", .set(["uv", "s", "dense"]), default: "uv", "the parts to quantise: factors, sparse values, dense tensors"),
        TensorSelection.option,
    ]

    /// What the step of entropy-coded quantisation is to meet.
    enum Aim {
        /// Bits a value on the average, scales and all.
        case bits(Double)
        /// Bytes of the whole file.
        case size(Int)
        /// Mean loss on the calibration text above the original's.
        case lossIncrease(Double)
    }

    /// Codes are bytes: above this rate too many values would not fit.
    private static let greatestRate = 6.5

    let objective: String
    let lambda: Double
    let splitsOffComponents: Bool
    let target: Set<String>
    let aim: Aim
    /// Nil for entropy coding.
    let fixed: FixedWidthQuantization?
    let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        selection = TensorSelection(options)
        target = options.words("target")
        objective = options.word("objective")
        lambda = options.number("lambda")
        splitsOffComponents = options.word("components") == "auto"
        let (bits, size, increase) = (options.number("bits"), options.integer("size"), options.number("increase"))
        guard size == 0 || increase == 0 else { throw PassError(.usage, pass: Self.name, "size= and increase= exclude each other") }
        aim = size > 0 ? .size(size) : increase > 0 ? .lossIncrease(increase) : .bits(bits)
        let isWhole = bits == bits.rounded() && bits >= 2
        let isRate = size == 0 && increase == 0
        let coding = options.word("coding")
        guard coding == "fixed" || coding == "auto" && isWhole && isRate else {
            fixed = nil
            guard !isRate || bits <= QuantizePass.greatestRate else {
                throw PassError(
                    .usage, pass: Self.name,
                    "entropy coding takes at most bits=\(QuantizePass.greatestRate); coding=fixed takes whole bits to 8")
            }
            return
        }
        guard isWhole, isRate else {
            throw PassError(
                .usage, pass: Self.name, "coding=fixed takes a whole number of bits from 2 to 8, and no size and no increase of the loss")
        }
        let quantizer = UniformQuantizer(
            bits: Int(bits), groupSize: options.integer("group"), isSymmetric: options.flag("symmetric"))
        fixed = FixedWidthQuantization(quantizer: quantizer, target: target, selection: selection)
    }

    public var needsCalibration: Bool {
        if fixed != nil { return false }
        if case .lossIncrease = aim { return true }
        return objective != "weights"
    }

    /// Codes of one width: some passes over the entries and a division each. Entropy coding: see the type's comment; 16 rounds, of which most are
    /// counted in a histogram, components and their prices.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let isFixed = fixed != nil
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            let operations = objective == "weights" ? 0 : 6 * (m * n * n + n * n * n)
            return PassCost(
                operations: isFixed ? 0 : operations, bytesMoved: (isFixed ? 300 : 2000) * m * n,
                workingBytes: isFixed ? 16 * m * n : 0,
                resultBytes: m * n, parallelism: 1)
        }
        if isFixed { return cost }
        let selected = try selection.split(graph, pass: Self.name).selected
        // Second moments of inputs and values of all layers.
        cost.workingBytes = selected.reduce(0.0) {
            $0 + 8 * Double($1.shape.elementCount) + 4 * Double($1.shape.columns) * Double($1.shape.columns)
        }
        if objective == "weights" { return cost }
        guard let calibration else { return nil }
        cost.operations += 3.5 * calibration.forward + 2 * calibration.secondMoments
        cost.workingBytes += calibration.workingBytes
        cost.parallelism = max(cost.parallelism, calibration.sequenceCount)
        return cost
    }

    public func checkAim(on graph: TensorGraph, _ output: OutputSize?) throws {
        guard case .size(let size) = aim, let output else { return }
        try LeastOutput(self, of: graph).check(size: size, output)
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        if let fixed { return try fixed.run(&graph, context) }
        return try EntropyCodedQuantization(pass: self).run(&graph, context)
    }
}
