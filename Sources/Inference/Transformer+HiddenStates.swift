import Execution
import Matrices

extension Transformer {
    /// The hidden states after the last block, [tokens, hidden] for each sequence.
    public func finalHidden(
        _ sequences: [[Int32]], replacing replacements: ReplacedWeights = [:], _ execution: ExecutionContext
    ) throws -> [[Float]] {
        try finalHidden(continuing: try embed(sequences), from: 0, replacing: replacements, execution)
    }

    /// The same, from the hidden states that enter block `first` on.
    func finalHidden(
        continuing start: Activations, from first: Int, replacing replacements: ReplacedWeights, _ execution: ExecutionContext
    ) throws -> [[Float]] {
        var activations = start
        for index in first..<configuration.blockCount {
            try execution.cancellation.check()
            try forward(&activations, through: try block(index, replacing: replacements, execution), execution)
        }
        return activations.hidden
    }
}
