import Execution
import Glibc
import LinearAlgebra
import ModelGraph
import PassKit

/// One run over a model: every part that is to be coded, with one step for all of them in units of what errors cost.
final class EntropyCodedRun {
    private struct Part {
        let shape: Shape
        /// Whether it is all of its tensor.
        let isWhole: Bool
        var matrix: CodedMatrix
        var leading: LowRankTensor?
    }

    private let pass: QuantizePass
    private let tensors: [Tensor]
    private let context: PassContext
    private var parts: [Part] = []
    /// Bits a code of each part, from the round before.
    private var lengths: [[Float]?] = []
    private var rounded: [CodedMatrix.Rounded] = []
    private var kept: [CodedMatrix.Rounded] = []

    /// Share of values beyond the outermost codes that a round may have: with more the step is too small for codes of a byte.
    private static let clippedShare = 1e-3

    init(_ pass: QuantizePass, _ tensors: [Tensor], _ context: PassContext) throws {
        self.pass = pass
        self.tensors = tensors
        self.context = context
        let prices = try ErrorPrices(pass.objective, tensors, context)
        let found = try context.execution.uncheckedParallelMap(tensors.count) { index -> [Part] in
            let tensor = tensors[index]
            var found: [Part] = []
            let isWhole = tensor.payload.elementArray != nil
            try CodedParts(target: pass.target, name: tensor.name).walk(tensor.payload, prices.curvature(of: tensor)) { part, matrix in
                found.append(Part(shape: part.shape, isWhole: isWhole, matrix: matrix))
            }
            return found
        }
        parts = found.flatMap { $0 }
        lengths = parts.map { _ in nil }
    }

    var isEmpty: Bool { parts.isEmpty }

    /// Values in all parts.
    var valueCount: Int { parts.reduce(0) { $0 + $1.shape.elementCount } }

    /// Takes components off the tensors that are coded as a whole, where codes as far apart as `step` says become cheaper by it.
    func splitOffLeadingComponents(step: Double) throws {
        let found = try context.execution.uncheckedParallelMap(parts.count) { index in
            try parts[index].isWhole ? LeadingComponents(of: parts[index].matrix, step: step) : nil
        }
        for (index, leading) in found.enumerated() {
            guard let leading else { continue }
            parts[index].leading = leading.factors
            parts[index].matrix = parts[index].matrix.replacing(leading.rest)
        }
    }

    /// A step that is likely to be near.
    func start(_ aim: QuantizePass.Aim) -> Double {
        switch aim {
        case .bits(let bits): return start(bits: bits)
        // A file of a size has little else than codes.
        case .size(let size): return start(bits: min(Double(size) * 8 / Double(max(valueCount, 1)), 6))
        case .lossIncrease(let increase):
            // Errors spread evenly over a step cost ½ · step²/12 a value, where what errors cost is known.
            return pass.objective == .loss ? (24 * increase / Double(max(valueCount, 1))).squareRoot() : start(bits: 3)
        }
    }

    /// Levels apart by a share of the values' own size that fits the rate.
    private func start(bits: Double) -> Double {
        let logs = parts.map { part -> (Double, Double) in
            let matrix = part.matrix
            let square = matrix.values.squaredFrobeniusNorm / Double(max(matrix.values.elements.count, 1))
            let relative = matrix.rowScales.reduce(0.0) { $0 + log2(Double(max($1, .leastNormalMagnitude))) }
            let count = Double(part.shape.elementCount)
            return (count * (0.5 * log2(max(square, 1e-30)) - relative / Double(max(matrix.rowScales.count, 1))), count)
        }
        let mean = logs.reduce(0) { $0 + $1.0 } / max(logs.reduce(0) { $0 + $1.1 }, 1)
        return exp2(mean + 2.05 - bits)
    }

    /// Bits that codes and scales of the last round need at order 0, with those of components that were taken off.
    var bits: Double {
        rounded.reduce(0) { $0 + $1.bits } + parts.reduce(0) { $0 + ($1.leading.map(LeadingComponents.bits(of:)) ?? 0) }
    }

    /// Keeps what the last round made.
    func keep() { kept = rounded }

    /// Rounds every part, with the lengths of codes of the round before.
    ///
    /// - Returns: whether the codes reach: a step that is too small for codes of a byte cuts values off.
    func round(step: Double) throws -> Bool {
        let (parts, lengths, lambda) = (parts, lengths, Float(pass.lambda))
        context.execution.progress.advance(by: 1, remark: "step \(PassKit.rounded(step))")
        rounded = try context.execution.uncheckedParallelMap(parts.count) { index in
            try parts[index].matrix.rounded(
                step: step, lengths: lengths[index], lambda: lambda, context.execution.cancellation)
        }
        self.lengths = rounded.map(\.histogram.lengths)
        let clipped = rounded.reduce(0) { $0 + $1.histogram.outermost }
        return Double(clipped) <= EntropyCodedRun.clippedShare * Double(valueCount)
    }

    /// The tensors' payloads with what the last round made, and the order-0 bits of each.
    func payloads() throws -> [(payload: Payload, bits: Double)] { try payloads(rounded) }

    /// The same with what was kept.
    func keptPayloads() throws -> [(payload: Payload, bits: Double)] { try payloads(kept) }

    private func payloads(_ rounded: [CodedMatrix.Rounded]) throws -> [(payload: Payload, bits: Double)] {
        var next = 0
        return try tensors.indices.map { index in
            var bits = 0.0
            let payload = try CodedParts(target: pass.target, name: tensors[index].name).rebuild(tensors[index].payload) { _ in
                let (part, made) = (parts[next], rounded[next])
                next += 1
                bits += made.bits
                let codes = Payload.quantized(try made.tensor(shape: part.shape, groupSize: part.matrix.groupSize))
                guard let leading = part.leading else { return codes }
                bits += LeadingComponents.bits(of: leading)
                return .composite([.lowRank(leading), codes])
            }
            return (payload, bits)
        }
    }
}

extension CodedMatrix.Rounded {
    /// Bits of codes and scales at order 0.
    var bits: Double { histogram.entropy + Self.entropy(scales) + Self.entropy(columnScales ?? []) }

    private static func entropy(_ scales: [Float]) -> Double {
        var counts: [Float: Int] = [:]
        for scale in scales { counts[scale, default: 0] += 1 }
        let total = Double(scales.count)
        return counts.values.sorted().reduce(0) { $0 - Double($1) * log2(Double($1) / total) }
    }

    func tensor(shape: Shape, groupSize: Int) throws -> QuantizedTensor {
        try QuantizedTensor(
            shape: shape, bits: histogram.width, groupSize: groupSize, codes: OwnedBytes(codes.map { UInt8(bitPattern: $0) }),
            scales: DenseTensor(floats: scales, shape: Shape(count: scales.count), dtype: .bf16), zeroPoints: nil,
            columnScales: try columnScales.map { try DenseTensor(floats: $0, shape: Shape(count: $0.count), dtype: .bf16) })
    }
}
