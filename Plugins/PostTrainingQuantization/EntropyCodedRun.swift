import CLibrary
import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// One run over a model: every part that is to be coded, with one step for all of them in units of what errors cost.
final class EntropyCodedRun {
    struct Part {
        let shape: Shape
        /// The index of its tensor.
        let tensor: Int
        /// Whether it is all of its tensor.
        let isWhole: Bool
        /// The rank that works on it.
        let owner: Int
        /// At that rank.
        var matrix: CodedMatrix?
    }

    /// What a round made of a part.
    private struct Figures {
        let outermost: Double
        let total: Double
        /// Of codes: at order 0, or of a trellis by what was expected of each.
        let entropy: Double
        /// The same with scales.
        let bits: Double
        /// Of codes, then of indices; these are zeros where there is no trellis.
        let lengths: [Float]

        static let count = 4 + lengthCount
        static let lengthCount = 256 + TrellisCounts.count

        init(_ rounded: CodedMatrix.Rounded) {
            (outermost, total) = (Double(rounded.histogram.outermost), Double(rounded.histogram.total))
            (entropy, bits) = (rounded.codeBits, rounded.bits)
            lengths =
                rounded.histogram.lengths + (rounded.indices?.lengths ?? [Float](repeating: 0, count: TrellisCounts.count))
        }

        init(_ numbers: [Double]) {
            (outermost, total, entropy, bits) = (numbers[0], numbers[1], numbers[2], numbers[3])
            lengths = numbers[4...].map { Float($0) }
        }

        var numbers: [Double] { [outermost, total, entropy, bits] + lengths.map(Double.init) }
    }

    let pass: QuantizePass
    let tensors: [Tensor]
    let context: PassContext
    private(set) var parts: [Part] = []
    /// Bits a code of each part, from the round before.
    private var lengths: [[Float]?] = []
    /// Of this rank's parts; nil for others.
    private(set) var rounded: [CodedMatrix.Rounded?] = []
    private(set) var kept: [CodedMatrix.Rounded?] = []
    /// Of all parts, of the last round.
    private var figures: [Figures] = []
    /// The rank that works on each tensor.
    let owners: [Int]
    /// Rounds that an interrupted run had made are taken from what it kept.
    private var rounds = 0
    /// The step of the first round over all: which parts have a trellis is decided by it, or sizes would jump as a part changes sides.
    private var trellisStep: Double?
    /// What a round was made with, its step and the lengths of codes, and what it is called.
    struct Settings: Equatable {
        let step: Double
        fileprivate let lengths: [[Float]?]
        fileprivate let name: String
    }

    /// Those of the last round.
    private var last: Settings?
    /// Those of the round that is kept.
    private(set) var best: Settings?
    /// Whether rounds leave codes, and do not only count them.
    private let keepsCodes: Bool

    /// Whether what rounds make of parts is kept until they are done.
    private var keepsInterim: Bool { context.keepsInterim(values: valueCount) }

    /// Share of values beyond the outermost codes that a round may have: with more the step is too small for codes of a byte.
    private static let clippedShare = 1e-3

    init(_ pass: QuantizePass, _ tensors: [Tensor], _ context: PassContext) throws {
        self.pass = pass
        self.tensors = tensors
        self.context = context
        if case .bits = pass.aim { keepsCodes = false } else { keepsCodes = true }
        var found = [[CodedMatrix]](repeating: [], count: tensors.count)
        let prices = ErrorPrices(objective: pass.objective, tensors: tensors, context: context)
        owners = prices.owners
        try prices.forEach { index, curvature in
            try parts(of: tensors[index]).walk(tensors[index].payload, curvature) { found[index].append($1) }
        }
        for (index, tensor) in tensors.enumerated() {
            let isWhole = tensor.payload.elementArray != nil && tensor.shape.rank == 2
            var next = 0
            _ = try parts(of: tensor).rebuild(tensor.payload) { part in
                let matrix = owners[index] == context.ensemble.rank ? found[index][next] : nil
                parts.append(Part(shape: part.shape, tensor: index, isWhole: isWhole, owner: owners[index], matrix: matrix))
                next += 1
                return part
            }
        }
        lengths = parts.map { _ in nil }
    }

    func parts(of tensor: Tensor) -> CodedParts {
        CodedParts(target: pass.target, name: tensor.name, execution: context.execution, columnsAreFine: pass.columnsAreFine)
    }

    var isEmpty: Bool { parts.isEmpty }

    /// Values in all parts.
    var valueCount: Int { parts.reduce(0) { $0 + $1.shape.elementCount } }

    /// Values in the parts of a tensor.
    func valueCount(of tensor: Int) -> Int { parts.reduce(0) { $0 + ($1.tensor == tensor ? $1.shape.elementCount : 0) } }

    /// Takes components off the tensors that are coded as a whole, where codes as far apart as `step` says become cheaper by it.
    func splitOffLeadingComponents(step: Double) throws {
        let largest = parts.map { $0.shape.elementCount + 2 * $0.shape.columns * $0.shape.columns }.max() ?? 0
        let found = try context.execution.sharing(bytesEach: 24 * largest).uncheckedParallelMap(parts.count) { index -> LowRankTensor? in
            guard let matrix = parts[index].matrix, parts[index].isWhole else { return nil }
            return try LeadingComponents(of: matrix, step: step, context.execution)?.factors
        }
        for (index, leading) in found.enumerated() {
            guard let leading else { continue }
            parts[index].matrix = try parts[index].matrix?.without(leading, context.execution)
        }
    }

    /// Numbers of each part, which its rank has.
    private func numbers(each count: Int, _ own: (Int, CodedMatrix) -> [Double]) throws -> [[Double]] {
        try context.numbers(parts.map(\.owner), each: count) { index in
            guard let matrix = parts[index].matrix else { preconditionFailure("part \(index) is another rank's") }
            return own(index, matrix)
        }
    }

    /// A step that is likely to be near.
    func start(_ aim: QuantizePass.Aim) throws -> Double {
        switch aim {
        case .bits(let bits): return try start(bits: bits)
        // A file of a size has little else than codes.
        case .size(let size): return try start(bits: min(Double(size) * 8 / Double(max(valueCount, 1)), 6))
        case .lossIncrease(let increase):
            // Errors spread evenly over a step cost ½ · step²/12 a value, where what errors cost is known.
            return try pass.objective == .loss ? (24 * increase / Double(max(valueCount, 1))).squareRoot() : start(bits: 3)
        }
    }

    /// Levels apart by a share of the values' own size that fits the rate.
    private func start(bits: Double) throws -> Double {
        let logs = try numbers(each: 2) { index, matrix in
            let count = Double(parts[index].shape.elementCount)
            let square = matrix.squaredNorm / max(count, 1)
            let relative = matrix.rowScales.reduce(0.0) { $0 + log2(Double(max($1, .leastNormalMagnitude))) }
            return [count * (0.5 * log2(max(square, 1e-30)) - relative / Double(max(matrix.rowScales.count, 1))), count]
        }
        let mean = logs.reduce(0) { $0 + $1[0] } / max(logs.reduce(0) { $0 + $1[1] }, 1)
        return exp2(mean + 2.05 - bits)
    }

    /// Values from which on the search for a step begins with a sample of the rows.
    static let valuesToSample = 1 << 27
    /// Of a sample, one tile of rows in so many.
    private static let sampleStride = 16

    /// A step at which codes of a sample take about so many bits a value; `start` itself where a round over all is little work. What the search
    /// over all begins with is nearer then, and takes fewer rounds.
    func sampledStart(bits: Double, from start: Double) throws -> Double {
        guard valueCount >= Self.valuesToSample else { return start }
        var found = start
        _ = try RateSearch(slack: 0.01).find(target: bits * Double(valueCount), start: start) { step in
            found = step
            return try round(step: step, stride: Self.sampleStride) {
                zip(parts, figures).reduce(0.0) { $0 + $1.1.entropy * Double($1.0.shape.elementCount) / max($1.1.total, 1) }
            } ?? 4 * bits * Double(valueCount)
        }
        return found
    }

    /// Bits that codes and scales of the last round need at order 0, with those of components that were taken off.
    func bits() throws -> Double {
        let components = try numbers(each: 1) { [$1.values.leading.map(LeadingComponents.bits(of:)) ?? 0] }
        return figures.reduce(0) { $0 + $1.bits } + components.reduce(0) { $0 + $1[0] }
    }

    /// Keeps what the last round made.
    func keep() { (kept, best) = (rounded, last) }

    /// Keeps what an earlier round made, which is made again when it is asked for.
    func keep(_ earlier: Settings) {
        if earlier != best { (kept, best) = ([], earlier) }
    }

    /// Rounds for the lengths of codes alone: what a round without any comes to is so much more that a search would look on the wrong side of it.
    func learnLengths(step: Double) throws { _ = try round(step: step) { 0 } }

    /// Rounds every part, with the lengths of codes of the round before.
    ///
    /// - Parameters:
    ///   - stride: 1 for all rows, else one tile of them in so many.
    ///   - rate: what the round comes to, where the codes reach: a step that is too small for codes of a byte cuts values off.
    /// - Returns: nil where they do not. Of a round that an interrupted run had made its figure is given, and nothing is rounded.
    func round(step: Double, stride: Int = 1, rate: () throws -> Double) throws -> Double? {
        let name = "round \(rounds)"
        rounds += 1
        context.execution.progress.advance(by: 1, remark: "step \(PassKit.rounded(step))")
        last = Settings(step: step, lengths: lengths, name: name)
        if stride == 1, trellisStep == nil { trellisStep = step }
        let isKnown = context.isRecorded(QuantizePass.name, name)
        let found = try context.recording(QuantizePass.name, name) {
            var found = PassSnapshot()
            rounded = try made(step: step, lengths, keepsCodes: keepsCodes && stride == 1, stride: stride, name: name)
            figures = try context.numbers(parts.map(\.owner), each: Figures.count) { index in
                guard let made = rounded[index] else { preconditionFailure("part \(index) is another rank's") }
                return Figures(made).numbers
            }.map { Figures($0) }
            let clipped = figures.reduce(0) { $0 + $1.outermost }
            let reaches = clipped <= EntropyCodedRun.clippedShare * figures.reduce(0) { $0 + $1.total }
            found.numbers = ["step": [step], "rate": reaches ? [try rate()] : []]
            try found.set("lengths", figures.flatMap(\.lengths))
            return found
        }
        if stride == 1, keepsInterim { try context.forgetInterim("\(QuantizePass.name), \(name)") }
        let all = try found.floats("lengths") ?? []
        guard found.numbers["step"] == [step], all.count == Figures.lengthCount * parts.count else {
            throw PassError(.unsupported, pass: QuantizePass.name, "what an interrupted run has kept does not fit this model")
        }
        lengths = parts.indices.map { Array(all[Figures.lengthCount * $0..<Figures.lengthCount * ($0 + 1)]) }
        if isKnown { rounded = [] }
        return found.numbers["rate"]?.first
    }

    /// Of this rank's parts.
    ///
    /// - Parameter name: of the round, under which parts are kept until it is done.
    private func made(
        step: Double, _ lengths: [[Float]?], keepsCodes: Bool, stride: Int = 1, name: String
    ) throws -> [CodedMatrix.Rounded?] {
        // A part is worked on tile by tile: few parts side by side keep all threads at work.
        let largest = parts.map { 16 * $0.shape.columns * $0.shape.columns }.max() ?? 0
        return try context.execution.sharing(bytesEach: largest).uncheckedParallelMap(parts.count) { index in
            let round = settings(of: index, step: step, lengths, keepsCodes: keepsCodes, stride: stride)
            guard let matrix = parts[index].matrix else { return nil }
            guard stride == 1, keepsInterim else { return try matrix.rounded(round, context.execution) }
            var fresh: CodedMatrix.Rounded?
            let record = try context.recordingInterim("\(QuantizePass.name), \(name)", "\(index)") {
                let made = try matrix.rounded(round, context.execution)
                fresh = made
                return try made.record
            }
            if let fresh { return fresh }
            guard let kept = try CodedMatrix.Rounded(record, of: matrix, keepsCodes: keepsCodes) else {
                throw PassError(.unsupported, pass: QuantizePass.name, "what an interrupted run has kept does not fit this model")
            }
            return kept
        }
    }

    /// What a round of a part is made with.
    private func settings(
        of index: Int, step: Double, _ lengths: [[Float]?], keepsCodes: Bool, stride: Int
    ) -> CodedMatrix.Round {
        var round = CodedMatrix.Round(
            step: step, lengths: lengths[index].map { Array($0[..<256]) }, lambda: Float(pass.lambda), keepsCodes: keepsCodes,
            stride: stride)
        round.trellisStep = pass.usesTrellis ? trellisStep ?? step : nil
        // A part that had one quantiser before has no lengths of indices.
        round.indexLengths = lengths[index].flatMap { $0[256] == 0 ? nil : Array($0[256...]) }
        return round
    }

    /// What the round that is kept was made with, of a part, for one tile of its rows in `stride`.
    func keptRound(of index: Int, stride: Int) -> CodedMatrix.Round? {
        best.map { settings(of: index, step: $0.step, $0.lengths, keepsCodes: false, stride: stride) }
    }

    /// Rounds once more with what the round that is kept was made with, where only its codes' numbers are known.
    func makeKeptCodes() throws {
        guard let best, kept.contains(where: { $0.map { $0.codes == nil } ?? false }) || kept.isEmpty else { return }
        kept = try made(step: best.step, best.lengths, keepsCodes: true, name: "\(best.name), again")
    }
}
