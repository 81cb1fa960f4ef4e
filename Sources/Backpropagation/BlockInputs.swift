import Execution
import Inference
import LinearAlgebra

/// What entered each block of a model, for a way back through it. Where that would be too much to keep, what entered some blocks, from which
/// the others' inputs are made again: one more forward pass.
final class BlockInputs {
    private let model: Transformer
    private let replacements: ReplacedWeights
    private let execution: ExecutionContext
    /// Blocks from one whose inputs are kept to the next.
    private let stride: Int
    private var kept: [Int: HiddenStates] = [:]
    /// Of models that are small: made once for the way there and back.
    private var weights: [BlockWeights] = []

    /// More than this is not kept on scratch.
    private static let mostBytes = 32 << 30

    /// Moves states from the first block's input to the last one's output, or to what enters a block.
    init(
        moving states: HiddenStates, through model: Transformer, until end: Int? = nil, replacing replacements: ReplacedWeights,
        _ execution: ExecutionContext
    ) throws {
        (self.model, self.replacements, self.execution) = (model, replacements, execution)
        let blocks = model.configuration.blockCount
        let each = states.tokenCounts.reduce(0, +) * model.configuration.hiddenSize * MemoryLayout<Float>.size
        stride = each <= BlockInputs.mostBytes / max(blocks, 1) ? 1 : Int(Double(blocks).squareRoot().rounded(.up))
        for block in 0..<(end ?? blocks) {
            try execution.cancellation.check()
            if block % stride == 0 { kept[block] = try states.copy(execution) }
            let made = try model.block(block, replacing: replacements, execution)
            try model.forward(states, through: made, execution)
            if model.isResident { weights.append(made) }
        }
    }

    /// The weights that a block was run with.
    func weights(of block: Int) throws -> BlockWeights {
        weights.isEmpty ? try model.block(block, replacing: replacements, execution) : weights[block]
    }

    /// What entered a block; blocks are asked for from the last to the first, each once, and those behind are forgotten.
    func states(of block: Int) throws -> HiddenStates {
        if kept[block] == nil {
            let first = block / stride * stride
            guard let start = kept[first] else { preconditionFailure("the inputs of block \(block) are gone") }
            let moving = try start.copy(execution)
            for next in first..<block {
                try model.forward(moving, through: next..<next + 1, replacing: replacements, execution)
                if next + 1 < block { kept[next + 1] = try moving.copy(execution) }
            }
            kept[block] = moving
        }
        kept = kept.filter { $0.key <= block }
        guard let found = kept[block] else { preconditionFailure("there is no block \(block)") }
        return found
    }
}
