import Architectures

/// Scratch memory of a block with experts for one sequence; shapes in elements, T the longest sequence. R are the rows of all experts
/// together where the backward pass needs them, of one expert else.
package final class ExpertState {
    package let probabilities: UnsafeMutablePointer<Float>  // [T, experts]
    /// Of experts, what they read, and what comes of that.
    package let input: UnsafeMutablePointer<Float>  // [R, hidden]
    package let gate: UnsafeMutablePointer<Float>  // [R, size]
    package let up: UnsafeMutablePointer<Float>  // [R, size]
    /// `gate` itself unless the backward pass needs both.
    package let activated: UnsafeMutablePointer<Float>  // [R, size]
    package let output: UnsafeMutablePointer<Float>  // [R, hidden]
    /// The same of the shared expert.
    package let sharedGate: UnsafeMutablePointer<Float>  // [T, shared size]
    package let sharedUp: UnsafeMutablePointer<Float>  // [T, shared size]
    package let sharedActivated: UnsafeMutablePointer<Float>  // [T, shared size]
    package let sharedOutput: UnsafeMutablePointer<Float>  // [T, hidden]
    /// What it is multiplied by, 1 / (1 + e^−score).
    package let sharedWeights: UnsafeMutablePointer<Float>  // [T]
    package var routing: Routing?
    private let keepsAll: Bool
    private let memory: FloatArena

    package init(_ c: ModelConfiguration, _ experts: RoutedExperts, tokens: Int, forGradients: Bool) {
        keepsAll = forGradients
        let rows = forGradients ? tokens * experts.chosen : tokens
        let (size, shared) = (experts.size, experts.sharedSize)
        let kept = forGradients ? 1 : 0
        memory = FloatArena(counts: [
            tokens * experts.count, rows * c.hiddenSize, rows * size, rows * size, kept * rows * size, rows * c.hiddenSize,
            tokens * shared, tokens * shared, kept * tokens * shared, shared > 0 ? tokens * c.hiddenSize : 0, shared > 0 ? tokens : 0,
        ])
        let parts = memory.parts
        (probabilities, input, gate, up) = (parts[0], parts[1], parts[2], parts[3])
        (activated, output) = (forGradients ? parts[4] : parts[2], parts[5])
        (sharedGate, sharedUp, sharedActivated) = (parts[6], parts[7], forGradients ? parts[8] : parts[6])
        (sharedOutput, sharedWeights) = (parts[9], parts[10])
    }

    /// Where the rows of an expert lie that is given those of `rows`.
    package func place(of rows: Range<Int>) -> Int { keepsAll ? rows.lowerBound : 0 }

    /// About what one takes for so many tokens.
    static func byteCount(_ c: ModelConfiguration, tokens: Int) -> Int {
        guard let experts = c.experts else { return 0 }
        return 4 * tokens * (experts.count + 3 * c.hiddenSize + 2 * experts.size + 2 * experts.sharedSize)
    }
}
