import Execution
import Inference

/// What a model is to agree with on some sequences: the states of another model, or of the one that it was made from.
public struct TeacherStates {
    /// Final hidden states of each sequence, [tokens, width].
    let final: [[Float]]
    /// The teacher's head; nil for the student's own.
    let head: OutputHead?
    /// What logits of both are divided by; the divergence is multiplied by its square (Hinton et al., arXiv 1503.02531, section 2).
    let temperature: Float
    /// What blocks put out; nil where only predictions count.
    let blocks: Blocks?

    /// The states between blocks, as in TinyBERT (arXiv 1909.10351, equation 8): to the divergence comes `weight` times the mean over blocks and
    /// positions of ‖h − h₀‖² / ‖h₀‖², h₀ what leaves the teacher's block of the same share of its depth.
    final class Blocks {
        let weight: Double
        private let final: HiddenStates
        private let inputs: BlockInputs
        private let count: Int

        init(weight: Double, final: HiddenStates, inputs: BlockInputs, count: Int) {
            (self.weight, self.final, self.inputs, self.count) = (weight, final, inputs, count)
        }

        /// What leaves the teacher's block that stands for the student's block of `all`; asked for from the last to the first.
        func outputs(_ block: Int, _ all: Int) throws -> HiddenStates {
            let own = TeacherStates.block(block, of: all, teacher: count)
            return own == count - 1 ? final : try inputs.states(of: own + 1)
        }
    }

    /// The teacher's block that has seen at least as large a share of its blocks: ⌈(b + 1)·teacher / student⌉ − 1.
    public static func block(_ block: Int, of student: Int, teacher: Int) -> Int { ((block + 1) * teacher + student - 1) / student - 1 }

    /// Predictions alone, from final hidden states that are known.
    public init(final: [[Float]], head: OutputHead? = nil, temperature: Double = 1) {
        (self.final, self.head, self.temperature, blocks) = (final, head, Float(temperature), nil)
    }

    /// Predictions, and what each block puts out: the teacher is run on the sequences.
    ///
    /// - Parameter weight: of the hidden states, above 0.
    public init(
        of teacher: Transformer, _ sequences: [[Int32]], head: OutputHead?, temperature: Double, weight: Double,
        _ execution: ExecutionContext
    ) throws {
        let states = try HiddenStates(sequences, of: teacher, execution)
        let inputs = try BlockInputs(moving: states, through: teacher, replacing: [:], execution)
        final = sequences.indices.map { states[$0] }
        blocks = Blocks(weight: weight, final: states, inputs: inputs, count: teacher.configuration.blockCount)
        (self.head, self.temperature) = (head, Float(temperature))
    }
}
