import CLibrary
import Execution
import ModelGraph

/// What rank and zeros earned in a matrix: bits that its codes would take at the same error without them, less those that they take.
struct Earnings {
    /// Of rounding towards zero where that saves bits, against the levels nearest to the values.
    var zeros = 0.0
    /// Of the components that were taken off, less the bits of their factors.
    var rank = 0.0
}

extension CodedMatrix {
    /// Both ways are rounded, at a second step where the first leaves another error, and counted by the lengths that the codes themselves give.
    ///
    /// - Parameter round: what the codes were made with, and of how many tiles of rows one is rounded here.
    func earnings(_ round: Round, _ execution: ExecutionContext) throws -> Earnings {
        var round = round
        (round.keepsCodes, round.measuresError) = (false, true)
        let own = try coded(round, execution)
        var found = Earnings()
        if round.lambda > 0 {
            var plain = round
            (plain.lengths, plain.indexLengths) = (nil, nil)
            found.zeros = try bits(plain, leaving: own.error, execution) - own.bits
        }
        if let leading = values.leading {
            let whole = try without(nil, execution)
            // Lengths are those of codes that have the components in them.
            let learned = try whole.rounded(round, execution)
            (round.lengths, round.indexLengths) = (learned.histogram.lengths, learned.indices?.lengths)
            found.rank = try whole.bits(round, leaving: own.error, execution) - own.bits - LeadingComponents.bits(of: leading)
        }
        return found
    }

    /// Bits of all codes, and the error that they leave, from the tiles that a round takes.
    func coded(_ round: Round, _ execution: ExecutionContext) throws -> (bits: Double, error: Double) {
        let made = try rounded(round, execution)
        let share = Double(values.rows * values.columns) / Double(max(made.histogram.total, 1))
        return (made.codeBits * share, made.error * share)
    }

    /// Bits of codes of which an error is left: on the line through those of two steps, the logarithm of the error along it.
    func bits(_ round: Round, leaving error: Double, _ execution: ExecutionContext) throws -> Double {
        let first = try coded(round, execution)
        guard error > 0, first.error > 0 else { return first.bits }
        var other = round
        other.step *= (error / first.error).squareRoot()
        let second = try coded(other, execution)
        let (found, wanted) = (log(second.error / first.error), log(error / first.error))
        // Where the error hardly changes all codes are zeros already.
        guard abs(found) > 1e-3 else { return first.bits }
        return first.bits + (second.bits - first.bits) * min(max(wanted / found, 0), 2)
    }
}
