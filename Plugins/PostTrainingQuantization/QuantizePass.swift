import GradientFitting
import ModelGraph
import PassKit

/// Post-training quantisation of factors U and V, of sparse values and of dense tensors: to codes of one width, rounded to nearest, to codes for
/// an entropy coder, of any number of bits on the average, or of whole matrices to blocks of ggml's types, as llama.cpp runs them.
///
/// Entropy coding costs a gradient pass over the calibration set for objective=loss (one forward, one forward and back), then about
/// m·n² + n³ operations a matrix [m, n] and round, with some six rounds to meet a rate; the second moments of all layers' inputs, n²
/// floats each, are in memory.
public struct QuantizePass: Pass {
    public static let name = "quantize"
    public static let summary = "integer codes with scales, for U, V, sparse values and dense tensors"
    /// How codes are kept.
    enum Coding: String, CaseIterable, Sendable {
        case auto, fixed, entropy, blocks
    }

    /// What errors cost.
    enum Objective: String, CaseIterable, Sendable {
        case loss, inputs, weights
    }

    /// Whether components are taken off.
    enum Components: String, CaseIterable, Sendable {
        case auto, none
    }

    /// The parts of a payload.
    enum Part: String, CaseIterable, Sendable {
        case uv, s, dense
    }

    private static let increase = OptionOrWord<NumberOption>(
        "increase", in: 1e-18...100, or: "none",
        "instead of bits: nats a token by which the mean loss on held-back text may rise; of an encoder its embeddings' 1 − cosine")
    private static let refitPasses = IntegerOption(
        "refit", in: 0...1000, default: 0,
        "passes of a refit of the scales along gradients, after which the increase counts: the file is smaller by what it makes good; 0: none",
        requires: [OptionRequirement("increase=", deciding: [increase]) { $0[increase] != nil }])
    private static let size = OptionOrWord<IntegerOption>(
        "size", in: 1...Int.max, or: "none",
        "instead of bits: the largest size in bytes of the whole file, which ends within 0.5 % of it", requires: [.isWord(increase)])
    private static let bits = NumberOption(
        "bits", in: 0.1...8, default: 8, "bits a code; with coding=entropy bits a value on the average, scales and all, at most 6.5",
        requires: [.isWord(size), .isWord(increase)])
    private static let coding = ChoiceOption<Coding>(
        "coding", default: .auto,
        "fixed: codes of one width; entropy: codes that few bits are enough for; auto: fixed for a whole number of bits; blocks: ggml's types, for GGUF",
        [.fixed: [.isWord(size), .isWord(increase)]])
    private static let isFixed = OptionRequirement("coding=fixed, or a whole number of bits", deciding: aims) {
        codesAreFixed($0)
    }
    private static let isEntropyCoded = OptionRequirement(
        "coding=entropy, size=, increase=, or bits that are no whole number", deciding: aims
    ) { !codesAreFixed($0) && $0[coding] != .blocks }
    private static let isPriced = OptionRequirement(
        "coding=entropy, coding=blocks, size=, increase=, or bits that are no whole number", deciding: aims
    ) { !codesAreFixed($0) }
    private static let aims: [any PassOption] = [bits, size, increase, coding]
    private static let group = IntegerOption(
        "group", in: 1...1_048_576, default: 64, "elements of a row that share a scale", requires: [isFixed])
    private static let symmetric = FlagOption(
        "symmetric", default: true, "levels around zero; false gives each group a zero point", requires: [isFixed])
    private static let objective = ChoiceOption<Objective>(
        "objective", default: .loss, "what errors cost: the divergence of predictions, the layers' outputs, or without text the weights",
        requires: [isPriced])
    private static let lambda = NumberOption(
        "lambda", in: 0...1, default: 0.05, "squared steps that a bit is worth", requires: [isEntropyCoded])
    private static let trellis = FlagOption(
        "trellis", default: true, "levels of two quantisers that take turns, as a trellis of eight states says; false: of one",
        requires: [isEntropyCoded])
    private static let fine = FlagOption(
        "fine", default: false,
        "for a refit that follows: scales of columns keep all bits of BF16, as it leaves them, and 0.05 % of a size is kept free for what they take",
        requires: [isEntropyCoded])
    private static let components = ChoiceOption<Components>(
        "components", default: .auto, "auto: a dense tensor's largest singular components go into U and V where that saves bytes",
        requires: [isEntropyCoded, .contains(target, .dense)])
    private static let target = SetOption<Part>("target", default: .uv, "the parts to quantise: factors, sparse values, dense tensors")
    private static let types = SetOption<BlockType>(
        "types", default: .auto, "the types that blocks may have, a matrix each by itself; auto: all but q4_0",
        requires: [.equals(coding, .blocks)])
    private static let tensorTypes = NamedTypesOption(
        "tensor-types",
        "the type of the blocks of matrices of some names, whatever errors cost: a part of the name, or a pattern with * and ?",
        requires: [.equals(coding, .blocks)])
    private static let later = NumberOption(
        "later", in: 0...1, default: 0,
        "share of the blocks, the last of them, whose layers count in the search and stay as they are: a pass that moves them can make good what the codes of the others have cost, before a later quantize codes them too",
        requires: [isEntropyCoded, .isWord(increase)])
    public static let options: [any PassOption] = [
        bits, size, increase, refitPasses, coding, group, symmetric, objective, lambda, trellis, fine, components, types, tensorTypes,
        target, later, TensorSelection.option,
    ]
    public static let reads: PassReads = [.parts, .original, .calibration]
    public static let leaves = PassResult.parts

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

    let objective: Objective
    let lambda: Double
    let usesTrellis: Bool
    let columnsAreFine: Bool
    let splitsOffComponents: Bool
    let target: Set<Part>
    let aim: Aim
    /// Of blocks.
    let types: Set<BlockType>
    /// The types of blocks that are no matter of prices.
    let namedTypes: NamedTypes
    let codesAreBlocks: Bool
    /// The share of the blocks whose layers are coded in the search alone.
    let later: Double
    /// Nil for entropy coding and for blocks.
    let fixed: FixedWidthQuantization?
    let selection: TensorSelection
    /// How scales move before an increase of the loss counts; nil where they do not.
    let refit: GradientSettings?
    /// The tensors whose scales do.
    let refitSelection: TensorSelection

    /// Sequences a step of a refit: small steps serve scales, which are few.
    private static let refitBatch = 4

    public init(_ options: PassOptions) throws {
        (selection, refitSelection) = (TensorSelection(options, takesStacks: true), TensorSelection(options))
        let passes = options[Self.refitPasses]
        refit = passes == 0 ? nil : GradientSettings(passes: passes, batch: Self.refitBatch)
        target = options[Self.target]
        objective = options[Self.objective]
        lambda = options[Self.lambda]
        later = options[Self.later]
        usesTrellis = options[Self.trellis]
        columnsAreFine = options[Self.fine]
        splitsOffComponents = options[Self.components] == .auto
        (types, namedTypes) = (options[Self.types], options[Self.tensorTypes])
        codesAreBlocks = options[Self.coding] == .blocks
        let bits = options[Self.bits]
        aim = options[Self.size].map(Aim.size) ?? options[Self.increase].map(Aim.lossIncrease) ?? .bits(bits)
        guard Self.codesAreFixed(options) else {
            fixed = nil
            if case .bits = aim, bits > QuantizePass.greatestRate, !codesAreBlocks {
                throw PassError(
                    .usage, pass: Self.name,
                    "entropy coding takes at most bits=\(QuantizePass.greatestRate); coding=fixed takes whole bits to 8")
            }
            return
        }
        guard Self.isWhole(bits) else { throw PassError(.usage, pass: Self.name, "coding=fixed takes a whole number of bits from 2 to 8") }
        let quantizer = UniformQuantizer(bits: Int(bits), groupSize: options[Self.group], isSymmetric: options[Self.symmetric])
        fixed = FixedWidthQuantization(quantizer: quantizer, target: target, selection: selection)
    }

    /// Whether codes have one width, by what the options say.
    private static func codesAreFixed(_ options: PassOptions) -> Bool {
        switch options[coding] {
        case .fixed: return true
        case .entropy, .blocks: return false
        case .auto: return options[size] == nil && options[increase] == nil && isWhole(options[bits])
        }
    }

    private static func isWhole(_ bits: Double) -> Bool { bits == bits.rounded() && bits >= 2 }

    public var needsCalibration: Bool {
        if fixed != nil { return false }
        if case .lossIncrease = aim { return true }
        return objective != .weights
    }

    /// Rounds of a search, mostly.
    private static let usualRounds = 9.0

    /// Codes of one width: some passes over the entries and a division each. Entropy coding: see the type's comment; 16 rounds, of which most are
    /// counted in a histogram, components and their prices.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        let isFixed = fixed != nil
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            // A factor of H, and leading components; a round takes mn² for feeding forward and 2mn² for scales, and with a trellis the work of
            // its states on a block of columns.
            let operations =
                2 * n * n * n / 3
                + (codesAreBlocks
                    ? Double(BlockType.codecs(of: types).count + 1) * m * n * n
                    : (splitsOffComponents ? 10 : 0) * min(m, n) * min(m, n) * min(m, n) + Self.usualRounds * m * n
                        * (3 * n + (usesTrellis ? CodedMatrix.trellisOperations : 0)))
            return PassCost(
                operations: isFixed ? 0 : operations, bytesMoved: (isFixed ? 300 : 2000) * m * n,
                workingBytes: isFixed ? 16 * m * n : 4 * (3 * m * n + 3 * n * n),
                resultBytes: m * n, parallelism: 1)
        }
        if isFixed { return cost }
        let selected = try selection.split(graph, pass: Self.name).selected
        // H and its factor of all layers, and codes.
        cost.scratchBytes = selected.reduce(0.0) { sum, tensor in
            let (m, n) = (Double(tensor.shape.rows), Double(tensor.shape.columns))
            return sum + 8 * n * n + 2 * m * n
        }
        if objective == .weights { return cost }
        guard let calibration else { return nil }
        cost.operations += 3.5 * calibration.forward + 2 * calibration.secondMoments
        // Gradients as in `RefitPass`, in one or two attempts.
        if let refit { cost.operations += 1.5 * 5 * Double(refit.passes) * calibration.forward }
        calibration.add(to: &cost)
        return cost
    }

    public func checkAim(on graph: TensorGraph, _ output: OutputSize?) throws {
        let blocks = codesAreBlocks ? BlockQuantization(self) : nil
        try blocks?.checkNamedTypes(graph)
        guard case .size(let size) = aim, let output else { return }
        if let blocks { return try blocks.checkSize(size, of: graph, output) }
        try LeastOutput(self, of: graph).check(size: size, output)
    }

    /// What is said when no tensor has a part that is to be quantised: the file is no smaller.
    private func nothingToQuantize(_ selected: [Tensor]) -> String? {
        guard !codesAreBlocks, !selected.contains(where: { hasTarget($0.payload) }) else { return nil }
        let dense = selected.contains { $0.payload.elementArray != nil } ? "; dense tensors are quantised by target=dense" : ""
        return "quantize: nothing is quantised, for no selected tensor has a part among target=\(target.text)\(dense)"
    }

    private func hasTarget(_ payload: Payload) -> Bool {
        switch payload {
        case .dense, .blocks: return target.contains(.dense)
        case .lowRank: return target.contains(.uv)
        case .sparse: return target.contains(.s)
        case .composite(let terms): return (fixed != nil || !CodedParts.isCoded(terms)) && terms.contains(where: hasTarget)
        default: return false
        }
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        if codesAreBlocks { return try BlockQuantization(self).run(&graph, context) }
        let warning = nothingToQuantize(try selection.split(graph, pass: Self.name).selected)
        var report = try fixed?.run(&graph, context) ?? EntropyCodedQuantization(pass: self).run(&graph, context)
        if let warning { report.warn(warning) }
        return report
    }
}
