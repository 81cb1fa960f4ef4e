import Execution
import PassKit

/// What rank and zeros come to in the codes of a tensor, or of all.
struct RankAndZeros {
    /// Codes, and those of them that are zero.
    private var codes = 0.0
    private var zeros = 0.0
    /// Of components that were taken off.
    private(set) var rank = 0
    private var factorBits = 0.0
    private var earned = Earnings()

    /// Numbers of a part that ranks exchange.
    static let count = 6

    init() {}

    /// Of a part of which codes are kept.
    static func numbers(_ matrix: CodedMatrix, _ kept: CodedMatrix.Rounded, _ earned: Earnings) -> [Double] {
        let leading = matrix.values.leading
        return [
            Double(kept.histogram.total), Double(kept.histogram.zeros), Double(leading?.rank ?? 0),
            leading.map(LeadingComponents.bits(of:)) ?? 0, earned.zeros, earned.rank,
        ]
    }

    mutating func add(_ numbers: [Double]) {
        codes += numbers[0]
        zeros += numbers[1]
        rank += Int(numbers[2])
        factorBits += numbers[3]
        earned.zeros += numbers[4]
        earned.rank += numbers[5]
    }

    mutating func add(_ other: RankAndZeros) {
        add([other.codes, other.zeros, Double(other.rank), other.factorBits, other.earned.zeros, other.earned.rank])
    }

    /// Bytes of factors, what rank saved beside them, the share of codes that are zero, and what rounding towards zero saved; each at equal error.
    var measurements: [Measurement] {
        [
            Measurement(name: "componentRank", value: Double(rank)), Measurement(name: "componentBytes", value: factorBits / 8),
            Measurement(name: "componentSavedBytes", value: earned.rank / 8),
            Measurement(name: "zeroShare", value: codes > 0 ? zeros / codes : 0),
            Measurement(name: "zerosSavedBytes", value: earned.zeros / 8),
        ]
    }

    /// - Parameter tensors: with components.
    func note(tensors: Int) -> String {
        func bytes(_ bits: Double) -> Int { Int((bits / 8).rounded()) }
        let share = codes > 0 ? (1000 * zeros / codes).rounded() / 10 : 0
        let ranks =
            rank == 0
            ? "no rank pays"
            : "rank \(rank) in \(tensors == 1 ? "1 tensor" : "\(tensors) tensors") takes \(bytes(factorBits)) bytes and saves \(bytes(earned.rank)) beside them"
        return "\(ranks); \(share) % of codes are zero, and rounding towards it saves \(bytes(earned.zeros)) bytes at equal error"
    }
}

extension EntropyCodedRun {
    /// One tile of rows in so many is rounded again to see what rank and zeros earned: of a small model, and of one where a round takes minutes.
    private static let (earningsStride, wideStride) = (4, 64)

    /// What they come to in each tensor, by the round that is kept; its codes must be there.
    func rankAndZeros() throws -> [RankAndZeros] {
        let stage = "rank and zeros"
        context.execution.progress.advance(by: 0, remark: "what rank and zeros earn")
        let record = try context.recording(QuantizePass.name, stage) {
            var record = PassSnapshot()
            record.numbers[stage] = try figuresOfRankAndZeros().flatMap { $0 }
            return record
        }
        guard let numbers = record.numbers[stage], numbers.count == RankAndZeros.count * parts.count else {
            throw PassError(.unsupported, pass: QuantizePass.name, "what an interrupted run has kept does not fit this model")
        }
        var found = [RankAndZeros](repeating: RankAndZeros(), count: tensors.count)
        for (index, part) in parts.enumerated() {
            found[part.tensor].add(Array(numbers[RankAndZeros.count * index..<RankAndZeros.count * (index + 1)]))
        }
        return found
    }

    /// Those of each part.
    private func figuresOfRankAndZeros() throws -> [[Double]] {
        let stride = valueCount >= Self.valuesToSample ? Self.wideStride : Self.earningsStride
        let largest = parts.map { 16 * $0.shape.columns * $0.shape.columns }.max() ?? 0
        let earned = try context.execution.sharing(bytesEach: largest).uncheckedParallelMap(parts.count) { index -> Earnings? in
            guard let matrix = parts[index].matrix, let round = keptRound(of: index, stride: stride) else { return nil }
            return try matrix.earnings(round, context.execution)
        }
        return try context.numbers(parts.map(\.owner), each: RankAndZeros.count) { index in
            guard let matrix = parts[index].matrix, let made = kept[index], let earned = earned[index] else {
                preconditionFailure("part \(index) is another rank's")
            }
            return RankAndZeros.numbers(matrix, made, earned)
        }
    }
}
